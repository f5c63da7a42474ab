"""The audit on five-minute bars: what half hours tell may not be seen before they close."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from leak_cases import Indicator

from grandmodel.core.clock import MINUTE_NS
from grandmodel.evaluation.leaks import finding
from grandmodel.evaluation.leaks.audit import Subject, audit
from grandmodel.evaluation.leaks.columns import FULL, SAMPLE, Level
from grandmodel.evaluation.leaks.source import PULSE, matrix_source, own_source
from grandmodel.features import tactical_path
from grandmodel.features.arrays import path_arrays
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig, MlmiConfig
from grandmodel.features.latched import LATCHED
from grandmodel.features.tactical import MATRIX_5
from grandmodel.features.tactical_path import TACTICAL_COLUMNS
from grandmodel.market.bars import Bars
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import Dataset, MarketPath, SynergyEvents
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import split_by_sessions

BARS = 36_000
FAST = FeatureConfig(minutes=5, mlmi=MlmiConfig(store="300"))
SHORT = Level(count=2, own_count=4, first=700, last=1400, start_bars=0, rare=2)


def five_minute_bars(count, seed=0):
    """A walk round the clock, with a bar missing here and there."""
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(draw.standard_t(3, count) * 8e-4))
    opened = np.r_[100.0, close[:-1]]
    high = np.maximum(opened, close) * (1.0 + 1e-4 * np.abs(draw.standard_normal(count)))
    low = np.minimum(opened, close) * (1.0 - 1e-4 * np.abs(draw.standard_normal(count)))
    stamps = np.flatnonzero(draw.random(2 * count) > 0.03)[:count] * 5 * MINUTE_NS
    volume = draw.integers(1, 900, count).astype(np.float64)
    instrument = Instrument(name="walk", tick=0.01, calendar="24/7")
    return Bars(stamps, opened, high, low, close, volume, 5, instrument)


def make_subject(brought=None, count=BARS, columns=()):
    """The audit's subject: shipped columns on five-minute bars, or those of somebody's own."""
    bars = five_minute_bars(count)
    path = MarketPath(bars, synergies=brought)
    splits = split_by_sessions(session_table(bars).session, purge_bars=79)
    dataset = Dataset((path,), {name: (span,) for name, span in splits.items() if len(span)})
    tape = build_tape(dataset, FAST)
    sources = [matrix_source(FAST, minutes=5)]
    for make in columns:
        source = own_source("value", make)
        values = source.over(path_arrays(path, session_table(bars)))["value"].astype(np.float32)
        tape = tape.with_column("value", torch.from_numpy(values))
        sources.append(source)
    return Subject(dataset, tape, sources)


@pytest.fixture(scope="module")
def clean():
    return make_subject()


def causes(report):
    return {item.column: item.cause for item in report.findings}


def test_the_team_s_columns_are_audited_and_clean(clean):
    assert clean.tape.column("synergy_direction").count_nonzero() > 20
    report = audit(clean, replace(FULL, count=4, places=2, rare=4))
    assert report.findings == ()
    assert report.notes == ()  # all starts were tried, those of synergies too
    assert set(report.columns) >= {*TACTICAL_COLUMNS, "trailing_sd", "atr_14", PULSE}
    assert audit(clean, SAMPLE).findings == ()


@pytest.mark.parametrize("level", [SAMPLE, SHORT], ids=["sample", "short"])
def test_half_hours_seen_by_their_label_are_caught(level, monkeypatch):
    """The slow clock's signals are taken at the opens of their bars."""
    honest = tactical_path.close_time_ns

    def by_label(opens, minutes):
        return honest(opens, 5 if minutes == 30 else minutes)

    monkeypatch.setattr(tactical_path, "close_time_ns", by_label)
    subject = make_subject()
    found = causes(audit(subject, level))
    leaking = set(found) & {PULSE, *LATCHED}
    assert leaking
    assert leaking == set(found)
    if level is SHORT:
        assert {"synergy_direction", "synergy_confidence"} <= leaking
    assert {found[name] for name in leaking} == {finding.RESAMPLE}


def test_the_finding_says_which_bars_had_not_closed(monkeypatch):
    honest = tactical_path.close_time_ns
    early = {5: 5, 30: 5}
    monkeypatch.setattr(
        tactical_path, "close_time_ns", lambda opens, minutes: honest(opens, early[minutes])
    )
    subject = make_subject()
    named = {item.column: item for item in audit(subject, SHORT).findings}
    found = named["synergy_direction"]
    assert "bars of 30 minutes that have not closed" in found.detail
    direction = subject.tape.column("synergy_direction")
    assert direction[found.row] != 0.0
    assert direction[: found.row].count_nonzero() == 0


def test_synergies_that_the_data_bring_are_not_shown_early(monkeypatch):
    closes = five_minute_bars(4000).close_time_ns[50::97]
    brought = SynergyEvents(
        closes,
        1 + np.arange(len(closes)) % 4,
        np.where(np.arange(len(closes)) % 3 == 0, -1, 1),
        np.full(len(closes), 0.5),
    )
    assert audit(make_subject(brought, 4000), SHORT).findings == ()
    honest = tactical_path.latched

    def ahead(synergies, times, minutes):
        return honest(synergies, times + 15 * MINUTE_NS, minutes)

    monkeypatch.setattr(tactical_path, "latched", ahead)
    found = causes(audit(make_subject(brought, 4000), SHORT))
    assert {"synergy_direction", "synergy_confidence"} <= set(found) <= set(LATCHED)


@pytest.mark.parametrize("name", MATRIX_5)
def test_each_column_of_the_matrix_that_looks_ahead_is_named(name, monkeypatch):
    class Ahead(tactical_path.TacticalMatrix):
        def with_events(self, bars):
            raw, scaled, events = super().with_events(bars)
            return raw, scaled | {name: np.r_[scaled[name][1:], 0.0]}, events

    monkeypatch.setattr(tactical_path, "TacticalMatrix", Ahead)
    (found,) = audit(make_subject(count=4000), SHORT).findings
    assert found.column == name
    assert found.cause in (finding.SHIFT, finding.LABEL)


def half_hour_close(table):
    """The half hour's close, written onto all of its bars."""
    slow = table["close"].resample("30min").last()
    return 100.0 * (slow.reindex(table.index, method="ffill") / table["close"] - 1.0)


def last_half_hour(table):
    """The close of the half hour that has closed by the bar's own close."""
    slow = table["close"].resample("30min").last()
    slow.index = slow.index + np.timedelta64(30, "m")
    closes = table.index + np.timedelta64(5, "m")
    seen = slow.reindex(closes, method="ffill")
    return 100.0 * (table["close"] / seen.to_numpy() - 1.0)


def test_an_own_half_hour_is_caught_before_its_close_and_not_after():
    (found,) = audit(make_subject(count=4000, columns=[lambda: Indicator(half_hour_close)]),
                     SHORT).findings  # fmt: skip
    assert (found.column, found.cause) == ("value", finding.RESAMPLE)
    assert "bars of 30 minutes" in found.detail
    honest = make_subject(count=4000, columns=[lambda: Indicator(last_half_hour, 400)])
    assert audit(honest, SHORT).findings == ()
