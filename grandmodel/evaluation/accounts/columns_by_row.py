"""What the compiled account reads of a tape and of the settings, as NumPy arrays by row."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grandmodel.core.types import Segment
from grandmodel.envs.action import target_exposure
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.costs import carry_costs, unit_costs
from grandmodel.envs.execution import Execution
from grandmodel.evaluation.accounts.bar import Prices, Rules
from grandmodel.features.tape import Tape


def rules_of(execution: Execution, env: EnvConfig, multiplier: float) -> Rules:
    """The parts of the execution model in use, for the compiled loop."""
    return Rules(
        plain=execution.plain,
        limits=execution.limits,
        stops=env.stop_atr is not None,
        targets=env.target_atr is not None,
        carries=execution.carries,
        late=execution.late,
        lot=float(execution.lot or 0.0),
        impact=-1.0 if execution.impact is None else float(execution.impact),
        volume_limit=float(execution.volume_limit),
        tick=execution.tick / multiplier,
        near=execution.near / multiplier,
    )


def prices_of(
    tape: Tape,
    segments: Sequence[Segment],
    env: EnvConfig,
    execution: Execution,
    sd_floor: float,
    unit: float = 1.0,
) -> Prices:
    """Return the columns that the rules read by row; what none of them reads is empty.

    Args:
        tape: the bars.
        segments: stretches that are traded.
        env: sizes and distances.
        execution: the parts in use.
        sd_floor: smallest trailing sd, read by size=vol_target.
        unit: factor on all prices: 1, or the multiplier, where the account is told that it is 1.
    """
    costs = unit_costs(tape, slippage=env.slippage)
    none = torch.empty(0, dtype=torch.float64)
    long, short = carry_costs(tape, costs.market) if execution.carries else (none, none)
    late = execution.late
    atr = torch.where(tape.atr14 > 0.0, tape.atr14 * unit, torch.inf)
    columns = (
        tape.open * unit,
        tape.high * unit,
        tape.low * unit,
        tape.close * unit,
        costs.market,
        costs.forced,
        costs.maker,
        costs.half_spread / (tape.instrument.multiplier / unit),
        torch.from_numpy(_exposure(tape, segments, env, sd_floor)),
        *(_late(tape, unit) if late else (tape.open * unit, none, none)),
        long,
        short,
        none if execution.impact is None else tape.volume,
        none if env.stop_atr is None else atr * env.stop_atr,
        none if env.target_atr is None else atr * env.target_atr,
    )
    return Prices(*(_array(values) for values in columns))


def _late(tape: Tape, unit: float) -> tuple[Tensor, ...]:
    """Return what is left of each bar after its first minute: open, high and low."""
    columns = (tape.late_open, tape.late_high, tape.late_low)
    return tuple(values * unit for values in columns if values is not None)


def _array(values: Tensor | None) -> NDArray[np.float64]:
    assert values is not None  # noqa: S101 - what is read was checked to be there
    return np.ascontiguousarray(values.numpy())


def _exposure(
    tape: Tape, segments: Sequence[Segment], env: EnvConfig, sd_floor: float
) -> NDArray[np.float64]:
    """Notional of a position of 1 in units of equity by row, [bar]; empty where it is 1.

    Only rows that are decided on are asked for: the first bars of a path have no volatility yet.
    """
    if env.size != "vol_target":
        return np.empty(0)
    exposure = np.ones(len(tape))
    for segment in segments:
        scale = target_exposure(env, tape, sd_floor, segment.start, segment.stop - 1)
        if scale is not None:
            exposure[segment.start : segment.stop - 1] = scale.numpy()
    return exposure
