"""Block bootstrap: whole sessions in another order, each part of its own, times of day kept."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from market_makers import PLAIN, bars_of, random_frame

from grandmodel.core.checks import UserError
from grandmodel.core.clock import DAY_NS
from grandmodel.market.bars import PRICES, resample
from grandmodel.market.bootstrap import BootstrapConfig, bootstrap_dataset
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.hours import local_time_ns, session_dates
from grandmodel.market.splits import Span, split_by_sessions

FUTURE = replace(PLAIN, name="future", calendar="CMES", timezone="America/New_York")


def source_of(instrument=PLAIN, minutes=30, days=90, seed=0):
    """Bars of 30 minutes, or shorter ones, with rows missing here and there."""
    frame = random_frame("2024-01-02", days * 24 * 60 // minutes, minutes, seed)
    if instrument is FUTURE:
        local = frame.timestamp.dt.tz_convert("America/New_York")
        hour, weekday = local.dt.hour, local.dt.weekday
        shut = (hour == 17) | (weekday == 5) | ((weekday == 4) & (hour > 16))
        shut |= (weekday == 6) & (hour < 18)
        frame = frame[~shut]
    rng = np.random.default_rng(7)
    frame = frame[rng.random(len(frame)) > 0.02].reset_index(drop=True)
    fine = bars_of(frame, minutes, instrument)
    bars = resample(fine, 30)
    session = session_table(bars).session
    splits = {k: (v,) for k, v in split_by_sessions(session, purge_bars=5).items()}
    path = MarketPath(bars, fine if minutes < 30 else None)
    return Dataset(paths=(path,), splits=splits)


def sessions_of(bars):
    """Return, for each session, its steps between bars, its moves and its volumes."""
    dates = session_dates(bars.open_time_ns, bars.instrument.calendar)
    first = np.flatnonzero(np.diff(dates, prepend=-1))
    zone = "UTC" if bars.instrument.calendar == "days" else "America/New_York"
    found = []
    for begin, stop in zip(first, np.append(first[1:], len(bars)), strict=True):
        rows = slice(begin, stop)
        wall = local_time_ns(bars.open_time_ns[rows], zone) - dates[begin] * DAY_NS
        # moves from the close before, to nine digits, so that a factor on prices does not show
        shape = [getattr(bars, n)[rows] / bars.close[begin - 1] for n in PRICES] if begin else []
        rounded = np.round(np.concatenate(shape), 9).tobytes() if begin else b""
        found.append((wall.tobytes(), bars.volume[rows].tobytes(), rounded))
    return found


@pytest.mark.parametrize("instrument", [PLAIN, FUTURE])
@pytest.mark.parametrize("minutes", [10, 30])
def test_sessions_stay_whole_and_come_from_their_own_part(instrument, minutes):
    source = source_of(instrument, minutes)
    known = sessions_of(source.paths[0].finest or source.paths[0].bars)
    found = bootstrap_dataset(source, BootstrapConfig(paths=2), seed=0)
    bars = source.paths[0].bars
    seen: dict[str, set] = {}
    for part, spans in found.splits.items():
        (span,) = source.splits[part]
        dates = session_dates(bars.open_time_ns, instrument.calendar)[span.start : span.stop]
        number = np.unique(session_table(bars).session[span.start : span.stop])
        mine = {known[k] for k in number}
        assert len(mine) == len(np.unique(dates))
        for drawn in spans:
            path = found.paths[drawn.path]
            sessions = sessions_of(path.finest or path.bars)
            whole = sessions[1:]  # the first has no close before it within the path
            assert set(whole) <= mine
            seen.setdefault(part, set()).update(whole)
    assert not seen["train"] & seen["test"]
    assert len(found.splits["test"]) == len(found.splits["validation"]) == 2
    assert len(found.splits["train"]) == 1


def test_bars_are_possible_times_rise_and_clocks_agree():
    found = bootstrap_dataset(source_of(FUTURE, 10), BootstrapConfig(), seed=1)
    for path in found.paths:
        assert (np.diff(path.bars.open_time_ns) > 0).all()
        again = resample(path.finest, 30)
        np.testing.assert_array_equal(again.close, path.bars.close)
        assert path.bars.adjustment == "ratio"


def test_judged_bars_begin_with_a_session_after_the_warm_up():
    found = bootstrap_dataset(source_of(FUTURE), BootstrapConfig(), seed=1)
    for spans in found.splits.values():
        for span in spans:
            session = session_table(found.paths[span.path].bars).session
            assert 600 <= span.start < 700
            assert session[span.start] != session[span.start - 1]
            assert span.stop == len(session)


def test_blocks_keep_neighbours_together():
    source = source_of(days=150)
    known = {shape: k for k, shape in enumerate(sessions_of(source.paths[0].bars))}

    def runs(config):
        path = bootstrap_dataset(source, config, seed=0).paths[0]
        order = np.array([known[shape] for shape in sessions_of(path.bars)[1:]])
        cuts = np.flatnonzero(np.diff(order) != 1) + 1
        return [len(run) for run in np.split(order, cuts)]

    fixed = runs(BootstrapConfig(blocks="circular", block_sessions=6))
    assert Counter(fixed).most_common(1)[0][0] == 6
    assert np.mean(runs(BootstrapConfig(block_sessions=1))) < 1.3
    assert 3.0 < np.mean(runs(BootstrapConfig(block_sessions=6))) < 12.0


def test_the_seed_decides_and_the_same_one_gives_the_same_bytes():
    source = source_of()
    prints = [
        bootstrap_dataset(source, BootstrapConfig(), seed).bars_fingerprint for seed in (0, 0, 1)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_more_paths_leave_the_first_ones_as_they_are():
    source = source_of()
    one = bootstrap_dataset(source, BootstrapConfig(), 0)
    two = bootstrap_dataset(source, BootstrapConfig(paths=2), 0)
    for part in one.splits:
        first, same = (it.paths[it.splits[part][0].path].bars for it in (one, two))
        assert first.fingerprint == same.fingerprint


def test_it_is_not_called_synthetic_and_remembers_the_file():
    source = source_of()
    found = bootstrap_dataset(source, BootstrapConfig(block_sessions=4), seed=5)
    assert not found.synthetic
    assert found.origin is source
    assert "stationary blocks of 4 sessions on average" in found.about
    assert "data.seed 5" in found.about
    assert any("no evidence beyond" in note for note in found.notes)


def test_a_part_without_whole_sessions_is_refused():
    source = source_of()
    bars = source.paths[0].bars
    splits = {**source.splits, "test": (Span(0, len(bars) - 20, len(bars)),)}
    with pytest.raises(UserError, match="holds 0 whole sessions"):
        bootstrap_dataset(replace(source, splits=splits), BootstrapConfig(), 0)


@pytest.mark.parametrize("key", ["block_sessions", "paths"])
def test_impossible_settings_are_refused(key):
    with pytest.raises(UserError, match=f"data.bootstrap.{key}"):
        BootstrapConfig(**{key: 0})
    with pytest.raises(UserError, match=r"data\.bootstrap\.blocks"):
        BootstrapConfig(blocks="moving")
