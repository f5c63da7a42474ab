"""What the fingerprints of a dataset see."""

import dataclasses

import numpy as np

from grandmodel.market import instruments
from grandmodel.market.bars import Bars
from grandmodel.market.cost_table import CostEntry
from grandmodel.market.dataset import Dataset, MarketPath, instrument_facts
from grandmodel.market.instruments import Instrument


def dataset(instrument: Instrument, *, price: float = 100.0, extra=None, **facts) -> Dataset:
    prices = np.full(10, price)
    times = np.arange(10) * 1_800_000_000_000
    bars = Bars(times, prices, prices, prices, prices, prices, 30, instrument, **facts)
    return Dataset((MarketPath(bars),), {}, extra=extra or {})


NQ = Instrument(name="NQ", tick=0.25)


def test_costs_change_the_tape_but_not_the_bars() -> None:
    plain = dataset(NQ)
    for changed in ({"slippage_ticks": 0.5}, {"edge": "flat"}, {"name": "generic"}):
        other = dataset(dataclasses.replace(NQ, **changed))
        assert other.bars_fingerprint == plain.bars_fingerprint
        assert other.inputs_fingerprint == plain.inputs_fingerprint
        assert other.fingerprint != plain.fingerprint


def test_each_fingerprint_sees_more_than_the_one_before() -> None:
    plain = dataset(NQ)
    other = dataset(NQ, adjustment="ratio")
    assert other.inputs_fingerprint == plain.inputs_fingerprint
    assert other.fingerprint != plain.fingerprint
    for other in (
        dataset(NQ, volume_kind="none"),
        dataset(NQ, adjustment="additive"),
        dataset(NQ, extra={"own": [np.zeros(10)]}),
    ):
        assert other.bars_fingerprint == plain.bars_fingerprint
        assert other.inputs_fingerprint != plain.inputs_fingerprint
        assert other.fingerprint != plain.fingerprint
    ones, zeros = (dataset(NQ, extra={"own": [np.full(10, x)]}) for x in (1.0, 0.0))
    assert ones.inputs_fingerprint != zeros.inputs_fingerprint
    other = dataset(NQ, price=101.0)
    assert other.bars_fingerprint != plain.bars_fingerprint
    assert other.fingerprint != plain.fingerprint


def test_a_fact_that_a_later_version_knows_changes_no_fingerprint() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Later(instruments.Instrument):
        roll_rule: str | None = None

    later = Later(**{f.name: getattr(NQ, f.name) for f in dataclasses.fields(NQ)})
    assert dataset(later).fingerprint == dataset(NQ).fingerprint
    ruled = dataclasses.replace(later, roll_rule="third friday")
    assert dataset(ruled).fingerprint != dataset(NQ).fingerprint


def test_dated_costs_are_facts() -> None:
    dated = dataclasses.replace(NQ, costs=(CostEntry(valid_from="2020-01-01", commission=1.5),))
    assert instrument_facts(dated) == {
        "name": "NQ",
        "tick": 0.25,
        "costs": [{"valid_from": "2020-01-01", "commission": 1.5}],
    }
    assert dataset(dated).fingerprint != dataset(NQ).fingerprint
