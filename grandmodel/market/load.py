"""From a file to a dataset: read, understand, resample, split.

Source: `docs/definitions.md`, "Reading files" and "Splits".
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from grandmodel.core.checks import UserError, require
from grandmodel.core.clock import DAY_NS, HOUR_NS
from grandmodel.market.bars import Bars, resample
from grandmodel.market.calendar import SessionTable, session_table
from grandmodel.market.carry import carry_words
from grandmodel.market.config import DataConfig, SplitConfig, parse_raw_level
from grandmodel.market.dataset import DECISION_MINUTES, Dataset, MarketPath, bars_fingerprint
from grandmodel.market.events import event_notes, read_events
from grandmodel.market.hours import known_hours
from grandmodel.market.instruments import Instrument, instrument_for, smallest_step, with_tick
from grandmodel.market.iso import is_day, iso_time
from grandmodel.market.readers.formats import read_bars
from grandmodel.market.reading import reading_notes
from grandmodel.market.splits import Span, split_by_sessions, warmup_of
from grandmodel.market.volume import volume_contradiction, warmup_rows

Reader = Callable[[DataConfig, Instrument], Bars]
EPISODE_BARS = 256
WEEKS_PER_YEAR = 365.25 / 7.0
LONG_GAP_HOURS = 24.0  # as entries are refused over
OFF_GRID_SHARE = 0.5  # of the warm-up closes; half-pennies of honest files stay below

log = logging.getLogger(__name__)


def load_dataset(
    config: DataConfig,
    instruments: Mapping[str, Instrument] | Instrument,
    purge_bars: int,
    *,
    minutes: int = DECISION_MINUTES,
    min_bars: int | None = None,
    whole: bool = False,
    reader: Reader | None = None,
) -> Dataset:
    """Read a file into bars of the decision clock, split into training, validation and test.

    Args:
        config: the file and how to understand it.
        instruments: the instrument, or known ones by name, of which the file's name chooses.
        purge_bars: decisions removed at the end of training: the longest holding plus one.
        minutes: length of the bars that are decided on.
        min_bars: warm-up plus one episode, in those bars; None: a usual episode.
        whole: put all usable bars into test, for backtests of something already trained.
        reader: reads the file in place of the shipped readers.

    Raises:
        UserError: what cannot be read, or is too little.
    """
    known = isinstance(instruments, Instrument)
    instrument = instruments if known else instrument_for(None, config.path, instruments)
    events = read_events(config.events, config.event_currencies) if config.events else None
    file_bars = (reader or read_bars)(config, instrument)
    notes = [*_notes(file_bars, config), *event_notes(events, file_bars)]
    file_bars = _with_facts(_at_raw_level(file_bars, config))
    bars = resample(file_bars, minutes)
    warmup = warmup_of(minutes)
    min_bars = warmup + EPISODE_BARS if min_bars is None else min_bars
    table = session_table(bars)
    require(
        len(bars) > 0,
        f"{bars.source} holds less than one bar of {minutes} minutes: give more bars",
    )
    notes += [words for words in (carry_words(bars, table),) if words is not None]
    start, stop = _usable(bars, table, config)
    _require_enough(bars, stop, min_bars, config)
    splits = _splits(table, max(start, warmup), stop, config.split, purge_bars, whole=whole)
    _require_parts(bars.source, splits, min_bars - warmup, whole=whole)
    for note in notes:
        log.warning(note)
    finest = file_bars if file_bars.minutes < minutes else None
    path, cut_from = _up_to(stop, MarketPath(bars, finest))
    spans = {name: (span,) for name, span in splits.items() if span.stop > span.start}
    empty: dict[str, tuple[Span, ...]] = dict.fromkeys(splits, ())
    return Dataset(
        paths=(path,),
        splits=empty | spans,
        synthetic=False,
        notes=tuple(notes),
        events=events,
        cut_from=cut_from,
    )


def _up_to(stop: int, path: MarketPath) -> tuple[MarketPath, str | None]:
    """Cut a path before a bar; the fingerprint of the whole comes with it, None uncut."""
    bars, finest = path.bars, path.finest
    if stop >= len(bars):
        return path, None
    end_ns = int(bars.close_time_ns[stop - 1])
    cut = None if finest is None else finest.between(None, end_ns)
    return MarketPath(bars.slice(0, stop), cut), bars_fingerprint([path])


def _with_facts(bars: Bars) -> Bars:
    """Fill in what an unknown instrument leaves open, from the warm-up bars alone."""
    instrument, warmup = bars.instrument, bars.slice(0, warmup_rows(bars.open_time_ns))
    if instrument.tick is None:
        prices = np.concatenate([warmup.open, warmup.high, warmup.low, warmup.close])
        instrument = with_tick(instrument, smallest_step(prices))
    if instrument.calendar == "days" and instrument.sessions_per_year is None:
        days = np.unique(warmup.open_time_ns // DAY_NS % 7)
        instrument = replace(instrument, sessions_per_year=len(days) * WEEKS_PER_YEAR)
    return bars if instrument is bars.instrument else replace(bars, instrument=instrument)


def _at_raw_level(bars: Bars, config: DataConfig) -> Bars:
    """Shift additively adjusted prices by a constant, so that one close is what it really was."""
    if config.raw_level_at is None:
        return bars
    time_ns, price = parse_raw_level(config.raw_level_at)
    row = int(np.searchsorted(bars.close_time_ns, time_ns, side="right")) - 1
    require(
        row >= 0, f"data.raw_level_at={config.raw_level_at} lies before the bars of {bars.source}"
    )
    shift = price - float(bars.close[row])
    require(
        float(bars.low.min()) + shift > 0.0,
        f"data.raw_level_at={config.raw_level_at} shifts prices of {bars.source} by {shift:g}, "
        "below 0: check it, or use data adjusted by ratio",
    )
    shifted = {name: getattr(bars, name) + shift for name in ("open", "high", "low", "close")}
    return replace(bars, **shifted)


def _notes(bars: Bars, config: DataConfig) -> list[str]:
    """Return warnings about the file, one sentence each."""
    notes = [] if bars.reading is None else list(reading_notes(bars.source, bars.reading))
    contradiction = volume_contradiction(bars)
    if contradiction is not None:
        notes.append(contradiction)
    if bars.adjustment == "additive" and config.raw_level_at is None and bars.joined is None:
        notes.append(
            f"{bars.source}: prices are adjusted by addition, so their levels and all percentages "
            "are off: give data.raw_level_at=TIME=PRICE or a file adjusted by ratio"
        )
    share = off_grid_share(bars)
    if bars.adjustment in ("none", "unknown") and share > OFF_GRID_SHARE:
        notes.append(
            f"{bars.source}: {share:.0%} of the prices are no multiples of the tick "
            f"{bars.instrument.tick:g} of {bars.instrument.name}: if the file is adjusted by "
            "ratio, set data.adjustment=ratio"
        )
    if not known_hours(bars.instrument.calendar) and _longest_gap_hours(bars) > LONG_GAP_HOURS:
        notes.append(
            f"{bars.source}: the trading hours of {bars.instrument.name} are not known: "
            "env.edge=carry refuses no entry before a long break and env.edge=flat is refused, so "
            "name an instrument or set instrument.calendar (XNYS, CMES, 24/5, 23/5, 24/7)"
        )
    return notes


def _longest_gap_hours(bars: Bars) -> float:
    """Return the longest time between a close and the next open within the warm-up."""
    rows = warmup_rows(bars.open_time_ns)
    gaps = bars.open_time_ns[1:rows] - bars.close_time_ns[: max(rows - 1, 0)]
    return float(gaps.max(initial=0)) / HOUR_NS


def off_grid_share(bars: Bars) -> float:
    """Return the share of warm-up closes that are no multiples of the instrument's tick."""
    tick = bars.instrument.tick
    if tick is None or not len(bars):
        return 0.0
    steps = bars.close[: warmup_rows(bars.open_time_ns)] / tick
    return float((np.abs(steps - np.round(steps)) > 1e-3).mean())


def _usable(bars: Bars, table: SessionTable, config: DataConfig) -> tuple[int, int]:
    """Return the first bar and the end of the bars between data.start and data.end."""
    start, stop = 0, len(bars)
    if config.start is not None:
        start = _edge(bars, table, "data.start", config.start, after_day=False)
    if config.end is not None:
        stop = _edge(bars, table, "data.end", config.end, after_day=True)
    if start >= stop:
        first = np.datetime_as_string(bars.open_time_ns[:1].view("M8[ns]"), unit="D")
        last = np.datetime_as_string(bars.open_time_ns[-1:].view("M8[ns]"), unit="D")
        raise UserError(
            f"{bars.source} has no bars{_between(config)}: its bars run from {''.join(first)} to "
            f"{''.join(last)}"
        )
    return start, stop


def _between(config: DataConfig) -> str:
    given = {"from data.start=": config.start, "up to data.end=": config.end}
    return "".join(f" {words}{value}" for words, value in given.items() if value is not None)


def _edge(bars: Bars, table: SessionTable, key: str, value: str, *, after_day: bool) -> int:
    """Return the first bar at or after a time; a day is a session, and `after_day` passes it."""
    time = iso_time(key, value)
    if not is_day(value):
        return int(np.searchsorted(bars.open_time_ns, time.astype(np.int64)))
    side = "right" if after_day else "left"
    return int(np.searchsorted(table.session_date, time.astype(np.int64) // DAY_NS, side=side))


def _require_enough(bars: Bars, stop: int, min_bars: int, config: DataConfig) -> None:
    until = "" if config.end is None else f" up to data.end={config.end}"
    require(
        stop >= min_bars,
        f"{bars.source} holds {stop} bars of {bars.minutes} minutes{until}, the warm-up of "
        f"{warmup_of(bars.minutes)} and one episode need {min_bars}: give more bars or lower "
        "env.episode_bars",
    )


def _splits(
    table: SessionTable, start: int, stop: int, config: SplitConfig, purge_bars: int, *, whole: bool
) -> dict[str, Span]:
    first = min(start, stop)
    if whole:
        return {
            "train": Span(0, first, first),
            "validation": Span(0, first, first),
            "test": Span(0, first, stop),
        }
    if config.by_date:
        return split_by_sessions(
            table.session,
            _begin_days(config),
            purge_bars=purge_bars,
            start=start,
            stop=stop,
            session_date=table.session_date,
        )
    shares = (float(config.train), float(config.validation), float(config.test))
    return split_by_sessions(table.session, shares, purge_bars=purge_bars, start=start, stop=stop)


def _begin_days(config: SplitConfig) -> tuple[int, int, int | None]:
    """Return when validation and test begin and before which day test ends, None: never."""

    def days(key: str, part: float | str) -> int:
        time = iso_time(f"data.split.{key}", str(part))
        return int(time.astype("datetime64[D]").astype(np.int64))

    ends = days("test", config.test) if isinstance(config.test, str) else None
    return days("train", config.train), days("validation", config.validation), ends


def _require_parts(source: str, splits: dict[str, Span], episode: int, *, whole: bool) -> None:
    """Refuse parts in which nothing could be decided."""
    if whole:
        return
    for name, span in splits.items():
        bars, needed = span.stop - span.start, episode if name == "train" else 2
        require(
            bars >= needed,
            f"data.split.{name} leaves {max(bars, 0)} bars of {source}, {needed} are needed: give "
            "more bars or another split",
        )
