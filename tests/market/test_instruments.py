import pytest
import yaml
from market_makers import CONF

from grandmodel.core.checks import UserError
from grandmodel.market.cost_table import COST_KEYS, CostEntry
from grandmodel.market.instruments import (
    GENERIC_INSTRUMENT,
    Instrument,
    instrument_for,
    smallest_step,
)

SHIPPED = {
    path.stem: Instrument(**yaml.safe_load(path.read_text()))
    for path in CONF.glob("*.yaml")
    if path.stem != "auto"
}


def test_shipped_instruments() -> None:
    assert set(SHIPPED) >= {"ES", "NQ", "SPY", "EURUSD", "BTCUSDT", "XAUUSD", "generic", "planted"}
    assert all(name == instrument.name for name, instrument in SHIPPED.items())
    assert not any(instrument.free for instrument in SHIPPED.values())
    assert SHIPPED["generic"] == GENERIC_INSTRUMENT
    facts = {name: SHIPPED[name].cost_schedule[0].figures for name in SHIPPED}
    assert facts["ES"] == (2.25, 0, 0.5, 0, 0.25, 0, 0)
    assert facts["NQ"] == (2.25, 0, 0.5, 0, 0.5, 0, 0)
    assert facts["SPY"] == (0.0035, 0, 0.5, 0, 0.5, 0, 0)
    assert sum(facts["EURUSD"]) == 0.5
    assert sum(facts["XAUUSD"]) == 1.0
    assert facts["BTCUSDT"] == (0, 10, 0, 0, 0, 0, 10)
    assert facts["BTCUSDT_perp"] == (0, 5, 0, 0, 0, 0, 2)
    assert facts["generic"] == (0, 1, 0, 1, 0, 0.5, 1)
    assert SHIPPED["BTCUSDT"].long_only
    assert (SHIPPED["SPY"].edge, SHIPPED["BTCUSDT"].edge, SHIPPED["NQ"].edge) == (
        "flat",
        "carry",
        None,
    )
    assert (SHIPPED["MES"].multiplier, SHIPPED["MNQ"].multiplier) == (5, 2)
    assert (SHIPPED["ES"].multiplier, SHIPPED["NQ"].multiplier) == (50, 20)


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        (None, "/data/NQ_5m.parquet", "NQ"),
        ("auto", "NQ.csv", "NQ"),
        ("ES", "/data/NQ_5m.parquet", "ES"),
        (None, "NQX_5m.csv", "generic"),
        (None, "my_NQ_5m.csv", "generic"),
        (None, "BTCUSDT-5m.csv", "BTCUSDT"),
        (None, "BTCUSDT_perp_1m.csv", "BTCUSDT_perp"),
        (None, None, "generic"),
    ],
)
def test_finding_rule(name: str | None, path: str | None, expected: str) -> None:
    assert instrument_for(name, path, SHIPPED).name == expected


def test_unknown_instrument_is_refused() -> None:
    with pytest.raises(UserError, match=r"instrument must be one of auto, .*NQ.*, was ZZ"):
        instrument_for("ZZ", "NQ_5m.parquet", SHIPPED)


def test_costs_with_dates_inherit_what_they_leave_open() -> None:
    instrument = Instrument(
        name="x",
        commission=5.0,
        half_spread_ticks=1.0,
        costs=(
            {"valid_from": "2015-09-21", "half_spread_ticks": 0.5},  # pyright: ignore
            CostEntry(valid_from="2012-01-01", commission=3.0),
            CostEntry(valid_from="2019-01-01", commission=0.0),
        ),
    )
    times = [entry.valid_from_ns for entry in instrument.cost_schedule]
    assert times == sorted(times)
    assert times[1] == 1_325_376_000_000_000_000
    figures = [
        dict(zip(COST_KEYS, entry.figures, strict=True)) for entry in instrument.cost_schedule
    ]
    assert [f["commission"] for f in figures] == [5, 3, 3, 0]
    assert [f["half_spread_ticks"] for f in figures] == [1, 1, 0.5, 0.5]
    assert not instrument.free
    assert Instrument(name="free").free


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"tick": 0.0}, "instrument.tick must be a number above 0, was 0"),
        ({"multiplier": -1.0}, "instrument.multiplier"),
        ({"commission": -1.0}, "instrument.commission must be a number of at least 0"),
        ({"calendar": "LSE"}, "instrument.calendar must be one of CMES"),
        ({"edge": "both"}, "instrument.edge must be one of carry, flat"),
        ({"initial_margin": 0.05}, "0 < maintenance <= initial"),
        ({"costs": [{"valid_from": "yesterday"}]}, "instrument.costs.valid_from must be a date"),
        ({"costs": [{"valid_from": "9999-01-01"}]}, "instrument.costs.valid_from must be a date"),
    ],
)
def test_impossible_facts_are_refused(facts: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Instrument(name="x", **facts)


def test_smallest_step_forgets_float_noise() -> None:
    assert smallest_step([1.0553, 1.05531, 1.0553 + 1e-13, 1.1]) == 1e-5
    assert smallest_step([4000.0, 4000.5, 4001.25]) == 0.5
    assert smallest_step([7.0, 7.0]) is None


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"timezone": "Mars/Phobos"}, "instrument.timezone"),
        ({"timezone": "America"}, "instrument.timezone"),
        ({"costs": [{"commission": 1.0}]}, "valid_from"),
        ({"costs": [{"valid_from": "2020-01-01", "fee": 1.0}]}, "instrument.costs"),
        ({"costs": [{"valid_from": "today"}]}, "instrument.costs.valid_from"),
        ({"costs": ["2020-01-01"]}, "instrument.costs"),
        ({"costs": [{"valid_from": "2020-01-01", "fee_bps": "much"}]}, "fee_bps"),
    ],
)
def test_impossible_facts_are_refused_in_one_sentence(facts: dict, word: str) -> None:
    with pytest.raises(UserError, match=word):
        Instrument(name="X", **facts)
