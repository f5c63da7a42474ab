"""Which parts of the execution model are in use: settled once, before the first step.

Source: `docs/definitions.md`, "Orders and sizes".
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.envs.config import EnvConfig
from grandmodel.features.tape import Tape

NEAR = 1e-6  # share of a tick by which prices on its grid may miss each other as floats
WHOLE_LOTS = 1e-9  # lots by which a whole number of them may be missed as a float,
MANY_LOTS = 1e-14  # and the share of their number


@dataclass(frozen=True)
class Execution:
    """The parts in use; prices and the tick are values of one unit (price x multiplier)."""

    limits: bool = False  # entries may carry a limit
    brackets: bool = False  # positions may have a stop or a target
    carries: bool = False  # positions pay carry or rolls
    late: bool = False  # market legs fill one minute after the open
    lot: float | None = None  # entries are rounded down to it; None: free
    impact: float | None = None  # of slippage=volume_share; None: another slippage
    volume_limit: float = 1.0
    tick: float = 0.0  # 0: no grid is known

    @classmethod
    def of(cls, config: EnvConfig, tape: Tape) -> "Execution":
        """Return what the settings and the tape ask for.

        Raises:
            UserError: the tape lacks what a setting needs.
        """
        by_volume = config.slippage == "volume_share"
        require(
            not by_volume or (tape.volume is not None and tape.volume_kind == "traded"),
            "env.slippage=volume_share needs traded volume, and these bars have "
            f"volume_kind={tape.volume_kind}: use env.slippage=fixed or volatility",
        )
        late = config.fill == "next_open+1m"
        require(
            not late or tape.late_open is not None,
            f"env.fill=next_open+1m needs bars finer than the {tape.minutes} minutes of a "
            "decision, of one minute: give such a file or use env.fill=next_open",
        )
        instrument = tape.instrument
        return cls(
            limits=config.entry == "limit",
            brackets=config.stop_atr is not None or config.target_atr is not None,
            carries=tape.carry_long is not None
            or tape.carry_short is not None
            or tape.rolls is not None,
            late=late,
            lot=instrument.lot if config.lots == "whole" else None,
            impact=config.impact if by_volume else None,
            volume_limit=config.volume_limit,
            tick=(instrument.tick or 0.0) * instrument.multiplier,
        )

    @property
    def plain(self) -> bool:
        """Whether there are only market orders for the next open, and nothing ends inside a bar."""
        parts = (self.limits, self.brackets, self.carries, self.late)
        return not any(parts) and self.lot is None and self.impact is None

    @property
    def ordered(self) -> "Execution":
        """The same where orders bring their own sizes, limits and brackets."""
        return replace(self, limits=True, brackets=True)

    @property
    def near(self) -> float:
        """Difference up to which two values of a unit count as equal."""
        return NEAR * self.tick

    def through(self, beyond: Tensor) -> Tensor:
        """Return where a resting order fills: the price went one tick beyond it, bool [env].

        Args:
            beyond: by how much the bar's extreme lies beyond the order, value of a unit.
        """
        return beyond >= self.tick - self.near if self.tick else beyond > 0.0

    def whole_lots(self, units: Tensor) -> Tensor:
        """Return units rounded down to lots, where lots are whole."""
        if self.lot is None:
            return units
        return torch.floor(units / self.lot * (1.0 + MANY_LOTS) + WHOLE_LOTS) * self.lot
