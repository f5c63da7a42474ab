"""What an agent is shown: its view of the tape, and its account.

Source: `docs/definitions.md`, "Views of the tape" and "The account block".
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grandmodel.core.types import Observation, ObservationSpec, Stretch
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.state import AccountState
from grandmodel.features.tape import Tape

# also compiled by numba, in evaluation.drive
HELD_UNIT_BARS = 48.0
HELD_LIMIT = 4.0
DRAWDOWN_GAIN = 20.0
DISTANCE_LIMIT = 10.0  # ATR


def pooled_rows(values: Float[Tensor, "bar column"], bars: int) -> Float[Tensor, "bar pooled"]:
    """Return mean and last row of the `bars` rows that end at each row; columns twice.

    Elementwise adds of shifted copies in fixed order: no value depends on where the rows stand.
    Rows before the first count as zero.
    """
    count, width = values.shape
    pooled = torch.empty(count, 2 * width, dtype=values.dtype, device=values.device)
    total = torch.zeros(count, width, dtype=values.dtype, device=values.device)
    for age in range(bars - 1, -1, -1):
        if age < count:
            total[age:] += values[: count - age]
    torch.div(total, bars, out=total)
    pooled[:, :width] = total
    pooled[:, width:] = values
    return pooled


class MarketView:
    """The market inputs of one observation spec, read off a tape by row.

    Args:
        tape: bars and named columns.
        spec: which columns; a name that the tape lacks raises KeyError.
    """

    def __init__(self, tape: Tape, spec: ObservationSpec) -> None:
        self.spec = spec
        self._window = tape.features[:, tape.column_indices(spec.window)].contiguous()
        self._context = tape.features[:, tape.column_indices(spec.context)].contiguous()
        self._modifiers = tape.features[:, tape.column_indices(spec.modifiers)].contiguous()
        self._pooled: Tensor | None = None
        self._ages = torch.arange(1 - spec.window_bars, 1, device=tape.features.device)

    def __len__(self) -> int:
        return self._window.shape[0]

    @property
    def pooled(self) -> Float[Tensor, "bar pooled"]:
        """Pooled windows of all rows, made when first asked for."""
        if self._pooled is None:
            self._pooled = pooled_rows(self._window, self.spec.window_bars)
        return self._pooled

    def window(self, bar: Int[Tensor, " batch"], reads: str = "pooled") -> Tensor | Stretch:
        """Return windows that end at rows `bar`.

        Args:
            bar: tape rows.
            reads: `pooled`: float32 [batch, 2 W], mean over the window then its last row;
                `sequence`: float32 [batch, window_bars, W], oldest first, zero before the first;
                `stretch`: the rows of all windows, each once, and where each window ends.

        Raises:
            ValueError: for another `reads`.
        """
        if reads == "pooled":
            return self.pooled.index_select(0, bar)
        if reads == "stretch":
            return self._stretch(bar)
        if reads != "sequence":
            raise ValueError(f"reads must be pooled or sequence, was {reads}")
        rows = bar[:, None] + self._ages
        return self._window[rows.clamp_min(0)] * (rows >= 0)[..., None]

    def _stretch(self, bar: Int[Tensor, " batch"]) -> Stretch:
        """Return the rows of all windows, every row once, in order.

        Rows before the first count as zero.
        """
        first, stop = int(bar.min()) + 1 - self.spec.window_bars, int(bar.max()) + 1
        needed = torch.zeros(stop - first, dtype=torch.bool, device=bar.device)
        needed[bar[:, None] - first + self._ages] = True
        place = needed.cumsum(0) - 1
        rows = self._window[max(first, 0) : stop]
        if first < 0:
            rows = torch.cat([rows.new_zeros(-first, rows.shape[1]), rows])
        return Stretch(rows[needed], place[bar - first])

    def context(self, bar: Int[Tensor, " batch"]) -> Float[Tensor, "batch context"]:
        """Return the context columns at rows `bar`."""
        return self._context.index_select(0, bar)

    def modifiers(self, bar: Int[Tensor, " batch"]) -> Float[Tensor, "batch modifier"]:
        """Return the modifier columns at rows `bar`."""
        return self._modifiers.index_select(0, bar)


def observe(
    config: EnvConfig, bar: Int[Tensor, " env"], state: AccountState, close: Tensor, atr14: Tensor
) -> Observation:
    """Return what the coming decision sees; arguments as of :class:`Standing`."""
    standing = Standing(state, close, atr14, config.max_hold_bars)
    return Observation(bar, standing.block(config.account), state.position, state.bars_held)


class Standing(NamedTuple):
    """Where accounts stand at a close, and the values that agents see of it, each [env].

    Source: `docs/definitions.md`, The account block.
    """

    state: AccountState
    close: Tensor  # float64 [env], price at which the account is marked; it, `atr14` and the
    # state's values of a unit may all be multiplied by the same factor
    atr14: Tensor  # float64 [env], price units, 0 while unknown
    max_hold_bars: int  # a position held for so long is closed

    def block(self, names: Sequence[str]) -> Float[Tensor, "env value"]:
        """Return the values ``names`` (of `core.types.ACCOUNT_VALUES`) side by side."""
        shape = len(self.close), len(names)
        block = torch.empty(shape, dtype=torch.float32, device=self.close.device)
        for place, name in enumerate(names):
            block[:, place] = getattr(self, name)()
        return block

    def position(self) -> Tensor:
        """Return -1, 0 or 1."""
        return self.state.position

    def unrealised_pnl_atr(self) -> Tensor:
        """Return what the position gained since its fill, in ATR(14)."""
        move = self.state.position * (self.close - self.state.entry_value) / self.atr14
        return move.masked_fill_(self.atr14 <= 0.0, 0.0)

    def bars_held(self) -> Tensor:
        """Return min(4, bars held / 48)."""
        return (self.state.bars_held / HELD_UNIT_BARS).clamp_max_(HELD_LIMIT)

    def drawdown(self) -> Tensor:
        """Return min(1, 20 x drawdown)."""
        return (self.state.drawdown * DRAWDOWN_GAIN).clamp_max_(1.0)

    def hold_share(self) -> Tensor:
        """Return bars held as a share of `max_hold_bars`."""
        return self.state.bars_held / self.max_hold_bars

    def stop_distance_atr(self) -> Tensor:
        """Return how far the close is from the stop, in ATR(14), 0 without one."""
        return self._distance(self.state.position * self.close - self.state.stop)

    def target_distance_atr(self) -> Tensor:
        """Return how far the close is from the take profit, in ATR(14), 0 without one."""
        return self._distance(self.state.take_profit - self.state.position * self.close)

    def _distance(self, away: Tensor) -> Tensor:
        none = (self.state.position == 0) | (self.atr14 <= 0.0) | ~torch.isfinite(away)
        far = (away / self.atr14).masked_fill_(none, 0.0)
        return far.clamp_(-DISTANCE_LIMIT, DISTANCE_LIMIT)
