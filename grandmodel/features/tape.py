"""The tape: everything environments and networks read, as tensors over the bars of all paths."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from grandmodel.market.instruments import Instrument


@dataclass(frozen=True)
class Tape:
    """Bars of one or more paths, one after the other, with their named feature columns."""

    columns: tuple[str, ...]  # names of the feature columns
    features: Tensor  # float32 [bar, column], finite
    open_time_ns: Tensor  # int64 [bar]
    open: Tensor  # float64 [bar]
    high: Tensor  # float64 [bar]
    low: Tensor  # float64 [bar]
    close: Tensor  # float64 [bar]
    trailing_sd: Tensor  # float64 [bar]: sqrt(EMA 0.06 of squared simple returns)
    atr14: Tensor  # float64 [bar], price units, 0 until known
    session: Tensor  # int64 [bar]: index of the trading session, never shared by two paths
    scheduled: Tensor  # bool [bar]: inside the timetable of its calendar
    edge_ahead: Tensor  # bool [bar]: where sessions end flat, this close sends the exit
    break_ahead_hours: Tensor  # float64 [bar]: hours from this close to the next scheduled open
    break_hours: Tensor  # float64 [bar]: hours from the close before to this open
    spread_multiplier: Tensor  # float64 [bar]: factor on half the spread for fills at this open
    path: Tensor  # int64 [bar]
    minutes: int
    instrument: Instrument
    fingerprint: str
    volume: Tensor | None = None  # float64 [bar], in units of `volume_kind`
    volume_kind: str = "none"  # traded | ticks | none
    carry_long: Tensor | None = None  # float64 [bar]: cash that a unit held long from the close
    carry_short: Tensor | None = None  # before pays at this open (swaps, funding); None: none
    rolls: Tensor | None = None  # bool [bar]: a position held into this open changes contracts
    late_open: Tensor | None = None  # float64 [bar]: price one minute after the open, and the
    late_high: Tensor | None = None  # extremes of the bar from then on; None: no finer bars
    late_low: Tensor | None = None

    def __len__(self) -> int:
        return int(self.close.shape[0])

    def column(self, name: str) -> Tensor:
        """Return one named column, float32 [bar]; KeyError names what exists."""
        if name not in self.columns:
            raise KeyError(f"no column {name}; the tape has {', '.join(self.columns)}")
        return self.features[:, self.columns.index(name)]

    def column_indices(self, names: tuple[str, ...]) -> list[int]:
        """Return the positions of named columns."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise KeyError(f"no column {missing[0]}; the tape has {', '.join(self.columns)}")
        return [self.columns.index(name) for name in names]

    def to(self, device: str | torch.device) -> "Tape":
        """Return the tape with all tensors on ``device``."""
        moved = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)

    def with_column(self, name: str, values: Tensor) -> "Tape":
        """Return a tape with one more column, values float32 [bar]."""
        features = torch.cat([self.features, values.to(self.features)[:, None]], dim=1)
        return replace(self, columns=(*self.columns, name), features=features)

    def path_start(self, path: int) -> int:
        """Return the first row of ``path``."""
        return int((self.path < path).sum())
