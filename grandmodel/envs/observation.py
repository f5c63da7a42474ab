"""What an agent is shown: its view of the tape, and its account.

Source: `docs/definitions.md`, "Views of the tape" and "The account block".
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grandmodel.core.types import ObservationSpec, Stretch
from grandmodel.features.tape import Tape

HELD_UNIT_BARS = 48.0
HELD_LIMIT = 4.0
DRAWDOWN_GAIN = 20.0


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
                `sequence`: float32 [batch, window_bars, W], oldest first;
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
        return self._window[(bar[:, None] + self._ages).clamp_min(0)]

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


def account_block(
    position: Tensor,
    close: Tensor,
    entry_price: Tensor,
    atr14: Tensor,
    bars_held: Tensor,
    drawdown: Tensor,
) -> Float[Tensor, "env 4"]:
    """Return position, unrealised P&L in ATR(14), min(4, held / 48), min(1, 20 x drawdown).

    Args:
        position: -1, 0 or 1, int64 [env].
        close: price at which the account is marked, float64 [env]; it, `entry_price` and
            `atr14` may all be multiplied by the same factor.
        entry_price: fill price of the present position, float64 [env].
        atr14: price units, 0 while unknown, float64 [env].
        bars_held: bars over which the position was held, int64 [env].
        drawdown: 1 - equity / peak, float64 [env].
    """
    block = torch.empty(len(position), 4, dtype=torch.float32, device=position.device)
    block[:, 0] = position
    block[:, 1] = (position * (close - entry_price) / atr14).masked_fill_(atr14 <= 0.0, 0.0)
    block[:, 2] = (bars_held / HELD_UNIT_BARS).clamp_max(HELD_LIMIT)
    block[:, 3] = (drawdown * DRAWDOWN_GAIN).clamp_max(1.0)
    return block
