"""Bars whose returns have the spectrum of the real ones and no other order: what luck earns there.

Source: ``docs/definitions.md``, Phase-randomised prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.random import numpy_stream
from grandmodel.core.types import Segment
from grandmodel.evaluation.controls.label_shift import p_value
from grandmodel.features.tape import Tape
from grandmodel.market.bars import Bars, resample
from grandmodel.market.dataset import Dataset, MarketPath

STRETCH_DECISIONS = 12_000  # judged on each draw, at most
HISTORY_HALF_HOURS = 3_000  # of real bars before them, that indicators begin with
HALF_HOUR = 30


@dataclass(frozen=True)
class Stretch:
    """Bars [start, stop) of one path, judged on every draw, and where their history begins."""

    path: int
    history: int
    start: int
    stop: int


def stretch_of(tape: Tape, segments: Sequence[Segment]) -> Stretch:
    """Return the first sessions of the first judged path, rows counted within it."""
    path = segments[0].path
    offset = tape.path_start(path)
    start = segments[0].start
    stop = max(segment.stop for segment in segments if segment.path == path)
    if stop - start > STRETCH_DECISIONS:
        session = tape.session[start:stop].cpu().numpy()
        edges = np.flatnonzero(np.diff(session)) + 1
        fits = edges[edges <= STRETCH_DECISIONS]
        stop = start + int(fits[-1] if len(fits) else STRETCH_DECISIONS)
    start, stop = start - offset, stop - offset
    history = HISTORY_HALF_HOURS * HALF_HOUR // tape.minutes
    return Stretch(path, max(0, start - history), start, stop)


def phase_randomised(
    values: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return a series of the same mean and power spectrum with phases drawn anew, [row]."""
    spectrum = np.fft.rfft(values)
    phases = generator.uniform(0.0, 2.0 * np.pi, len(spectrum))
    phases[0] = 0.0
    if len(values) % 2 == 0:
        phases[-1] = 0.0  # the frequency of every other bar has no phase but its sign
    return np.fft.irfft(spectrum * np.exp(1j * phases), len(values))


def surrogate_bars(bars: Bars, start: int, generator: np.random.Generator) -> Bars:
    """Return the bars with other prices from row `start` on, which is at least 1.

    Log returns from close to close are randomised. Each open keeps its ratio to the close before,
    high and low theirs to the body; times and volumes stay.
    """
    close, opened = bars.close[start:], bars.open[start:]
    before = bars.close[start - 1 : -1]
    returns = phase_randomised(np.log(close / before), generator)
    new_close = bars.close[start - 1] * np.exp(np.cumsum(returns))
    new_open = np.concatenate([bars.close[start - 1 : start], new_close[:-1]]) * (opened / before)
    above = bars.high[start:] / np.maximum(opened, close)
    below = bars.low[start:] / np.minimum(opened, close)
    new = {
        "open": new_open,
        "high": np.maximum(new_open, new_close) * above,
        "low": np.minimum(new_open, new_close) * below,
        "close": new_close,
    }
    joined = {
        name: np.concatenate([getattr(bars, name)[:start], values]) for name, values in new.items()
    }
    return replace(bars, **joined)


def surrogate_dataset(dataset: Dataset, stretch: Stretch, draws: int, seed: int) -> Dataset:
    """Return the real stretch with its history as path 0, and a draw of it as each further path.

    Args:
        dataset: the judged one.
        stretch: which of its bars.
        draws: how many.
        seed: of the phases.
    """
    real = dataset.paths[stretch.path]
    rows = slice(stretch.history, stretch.stop)
    bars = real.bars.slice(stretch.history, stretch.stop)
    fine = _finest(real, bars)
    begins = int(real.bars.open_time_ns[stretch.start])
    paths = [_path(real, bars, _within(fine, bars), rows)]
    for draw in range(draws):
        generator = numpy_stream(seed, f"phase randomised/{draw}")
        source = bars if fine is None else fine
        start = int(np.searchsorted(source.open_time_ns, begins))
        drawn = surrogate_bars(source, max(1, start), generator)
        paths.append(_drawn_path(real, bars, drawn, rows))
    extra = {
        name: [columns[stretch.path][rows]] * len(paths) for name, columns in dataset.extra.items()
    }
    return replace(dataset, paths=tuple(paths), splits={}, extra=extra, truth=None, origin=None)


def _finest(real: MarketPath, bars: Bars) -> Bars | None:
    """Return the finer bars of the stretch and the next one; None where there are none.

    With the next one it is known that the last bar of the stretch is over, whatever it holds.
    """
    finest = real.finest
    if finest is None or finest.minutes >= bars.minutes:
        return None
    stop = int(np.searchsorted(finest.open_time_ns, bars.close_time_ns[-1]))
    return finest.slice(int(np.searchsorted(finest.open_time_ns, bars.open_time_ns[0])), stop + 1)


def _within(fine: Bars | None, bars: Bars) -> Bars | None:
    """Return the finer bars without those after the stretch."""
    return None if fine is None else fine.between(None, int(bars.close_time_ns[-1]))


def _drawn_path(real: MarketPath, bars: Bars, drawn: Bars, rows: slice) -> MarketPath:
    """Return a path of drawn bars, joined to the stretch's own where they are finer."""
    if drawn.minutes == bars.minutes:
        return _path(real, drawn, None, rows)
    joined = resample(drawn, bars.minutes).slice(0, len(bars))
    return _path(real, joined, _within(drawn, bars), rows)


def _path(real: MarketPath, bars: Bars, fine: Bars | None, rows: slice) -> MarketPath:
    spread = None if real.spread is None else real.spread[rows]
    return MarketPath(bars, fine, real.synergies, spread)


def judged_segments(tape: Tape, stretch: Stretch) -> list[Segment]:
    """Return the stretch on the tape of :func:`surrogate_dataset`, a segment for each path."""
    length = stretch.stop - stretch.history
    first = stretch.start - stretch.history
    return [
        Segment(path * length + first, (path + 1) * length, path=path, segment=0)
        for path in range(len(tape) // length)
    ]


def surrogate_record(sharpe: NDArray[np.float64]) -> dict[str, Any]:
    """Lay out `controls.phase_randomised` of ``metrics.json``.

    Args:
        sharpe: net Sharpe ratios, that of the real bars first, [1 + draw].
    """
    drawn = sharpe[1:]
    return {
        "draws": len(drawn),
        "sharpe": drawn.tolist(),
        "real_sharpe": float(sharpe[0]),
        "sharpe_median": float(np.median(drawn)),
        "sharpe_p95": float(np.quantile(drawn, 0.95)),
        "p_value": p_value(float(sharpe[0]), drawn),
    }
