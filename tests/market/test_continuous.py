"""Contracts of one file joined to one series: when, by how much, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_makers import bars_of, random_frame, utc_ns

from grandmodel.core.checks import UserError
from grandmodel.market.bars import resample
from grandmodel.market.calendar import session_table
from grandmodel.market.carry import carry_facts, carry_of, carry_words
from grandmodel.market.config import DataConfig
from grandmodel.market.continuous import code_of, contracts_of
from grandmodel.market.coverage import file_table
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.market.joined import Joined
from grandmodel.market.readers.formats import read_bars

DAYS = Instrument(name="days", tick=0.25)
ES = Instrument(name="ES", tick=0.25, roll_months="HMUZ", roll_days=4)
PRICES = ["open", "high", "low", "close"]
SLOW = 46  # half hours of a day that are kept, so that days do not touch


def contract(symbol: str, start: str, days: int, volume: list[float], gap: float, seed: int = 0):
    """Half hours of some days; each contract is the same walk, `gap` higher."""
    walk = random_frame("2024-03-01", 48 * 60, 30, seed)
    first = (pd.Timestamp(start, tz="UTC") - walk.timestamp[0]) // pd.Timedelta("30min")
    part = walk.iloc[first : first + 48 * days].copy()
    part[PRICES] += gap
    part["volume"] = np.repeat(volume, 48).astype(float)
    part = part[np.arange(len(part)) % 48 < SLOW]
    return part.assign(symbol=symbol)


def three() -> pd.DataFrame:
    """H4 leads until its volume of 3 March falls behind, M4 until that of 6 March."""
    return pd.concat(
        [
            contract("ESH4", "2024-03-01", 5, [9, 9, 4, 2, 1], 0.0),
            contract("ESM4", "2024-03-02", 7, [1, 5, 8, 9, 3, 2, 1], 50.25),
            contract("ESU4", "2024-03-05", 6, [1, 6, 9, 9, 9, 9], 101.0),
        ]
    )


def read(frame: pd.DataFrame, folder: Path, instrument: Instrument = DAYS, **keys):
    path = folder / "ES_30m.csv"
    frame.to_csv(path, index=False)
    keys = {"continuous": "volume"} | keys
    return read_bars(DataConfig(kind="auto", path=str(path), **keys), instrument)


def days_of(bars) -> list[str]:
    return [str(time)[:10] for time in bars.open_time_ns.view("M8[ns]")]


@pytest.mark.parametrize("order", ["contract", "time", "shuffled contracts"])
def test_volume_of_the_session_before_decides(tmp_path: Path, order: str) -> None:
    frame = three()
    if order == "time":
        frame = frame.sort_values(["timestamp", "symbol"])
    if order == "shuffled contracts":
        frame = pd.concat([frame[frame.symbol == name] for name in ("ESU4", "ESH4", "ESM4")])
    bars = read(frame, tmp_path)
    assert bars.joined is not None
    rolls = [(roll.time_ns, *roll[1:]) for roll in bars.joined.rolls]
    assert rolls == [
        (utc_ns("2024-03-04"), "ESH4", "ESM4", 50.25, -50.25),
        (utc_ns("2024-03-07"), "ESM4", "ESU4", 50.75, -101.0),
    ]
    assert bars.adjustment == "additive"
    assert len(bars) == SLOW * 10
    # the three are one walk, so the joined prices are that walk: nothing is left of the gaps
    walk = random_frame("2024-03-01", 48 * 60, 30)[: 48 * 10]
    walk = walk[np.arange(len(walk)) % 48 < SLOW]
    for name in PRICES:
        np.testing.assert_array_equal(getattr(bars, name), walk[name].to_numpy())
    volume = [9, 9, 4, 8, 9, 3, 9, 9, 9, 9]
    np.testing.assert_array_equal(bars.volume, np.repeat(volume, SLOW))


def test_a_contract_that_ends_with_the_session_makes_room_for_none_with_less(tmp_path) -> None:
    frame = pd.concat(
        [
            contract("ESH4", "2024-03-01", 6, [9] * 6, 0.0),
            contract("ESM4", "2024-03-01", 2, [8, 12], 50.25),  # its bars end as it leads
            contract("ESU4", "2024-03-01", 6, [1] * 6, 101.0),
        ]
    )
    bars = read(frame, tmp_path)
    assert bars.joined is not None
    assert bars.joined.rolls == ()


def test_the_calendar_takes_the_rule_of_the_instrument(tmp_path: Path) -> None:
    frame = pd.concat(
        [
            contract("ESH4", "2024-03-05", 12, [1] * 12, 0.0),
            contract("ESM4", "2024-03-05", 20, [1] * 20, 50.25),
        ]
    )
    bars = read(frame, tmp_path, ES, continuous="calendar")
    assert bars.joined is not None
    assert [roll[0] for roll in bars.joined.rolls] == [utc_ns("2024-03-11")]  # Monday before 15th
    with pytest.raises(UserError, match="needs a roll rule, which days has not: set instrument"):
        read(frame, tmp_path, continuous="calendar")


def test_points_are_exact_and_the_raw_price_is_known(tmp_path: Path) -> None:
    frame = pd.concat(
        [
            contract("ESH4", "2024-03-01", 5, [9, 9, 4, 2, 1], 0.0, seed=1),
            contract("ESM4", "2024-03-02", 7, [1, 5, 8, 9, 3, 2, 1], 50.25, seed=2),
        ]
    )
    bars = read(frame, tmp_path)
    (roll,) = bars.joined.rolls
    at = int(np.searchsorted(bars.open_time_ns, roll.time_ns))
    last = str(pd.Timestamp(bars.open_time_ns[at - 1], tz="UTC"))
    common = frame[frame.timestamp.astype(str) == last].set_index("symbol")
    assert roll.gap == common.close["ESM4"] - common.close["ESH4"]
    later = frame[
        (frame.symbol == "ESM4") & (frame.timestamp >= pd.Timestamp(roll.time_ns, tz="UTC"))
    ]
    np.testing.assert_array_equal(bars.close[at:] - roll.offset, later.close.to_numpy())
    # held over the roll: the old contract to its last close, the new one from there on
    points = bars.close[at + 5] - bars.close[at - 5]
    old = frame[frame.symbol == "ESH4"].set_index("timestamp").close
    stamps = pd.DatetimeIndex(bars.open_time_ns, tz="UTC")
    new = frame[frame.symbol == "ESM4"].set_index("timestamp").close
    first = old[stamps[at - 1]] - old[stamps[at - 5]]
    assert points == first + new[stamps[at + 5]] - new[stamps[at - 1]]


def test_rolls_are_charged_where_the_contracts_changed(tmp_path: Path) -> None:
    five = pd.concat(
        [
            random_frame("2024-03-01", 288 * 4, 5).assign(symbol="ESH4", volume=5.0),
            random_frame("2024-03-01", 288 * 6, 5, 1).assign(symbol="ESM4", volume=2.0),
        ]
    )
    five.loc[(five.symbol == "ESM4") & (five.timestamp >= "2024-03-03"), "volume"] = 9.0
    bars = resample(read(five, tmp_path, ES), 30)
    rolls = carry_of(bars, session_table(bars)).rolls
    assert list(bars.open_time_ns[rolls]) == [utc_ns("2024-03-04")]
    facts = carry_facts(bars)
    assert facts["rolls"] == ["2024-03-04"]
    assert facts["roll_rule"] == "volume, contracts of ES joined by addition"
    json.dumps(facts)
    assert facts["joined"]["rolls"][0]["before"] == "ESH4"
    assert "1 rolls by volume" in str(carry_words(bars))
    table = dict(file_table(bars).itertuples(index=False, name=None))
    assert table["roll 2024-03-04 00:00"].startswith("ESH4 to ESM4, gap ")


def test_the_fingerprint_sees_where_contracts_were_joined(tmp_path: Path) -> None:
    bars = read(three(), tmp_path)
    early = Dataset((MarketPath(bars),), {}).fingerprint
    first = bars.joined.rolls[0]
    moved = Joined("volume", "ES", (first._replace(time_ns=first.time_ns + 1),))
    assert Dataset((MarketPath(replace(bars, joined=moved)),), {}).fingerprint != early


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(100, 46 * 13), seed=st.integers(0, 1000))
def test_no_later_bar_changes_the_join_before(cut: int, seed: int, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    rng = np.random.default_rng(seed)
    frame = pd.concat(
        [
            contract("ESH4", "2024-03-01", 7, list(rng.integers(0, 9, 7)), 0.0, 1),
            contract("ESM4", "2024-03-01", 12, list(rng.integers(0, 9, 12)), 5.0, 2),
            contract("ESU4", "2024-03-03", 11, list(rng.integers(0, 9, 11)), 9.0, 3),
        ]
    )
    stamps = np.sort(frame.timestamp.unique())
    time = stamps[min(cut, len(stamps) - 1)]
    part = frame[frame.timestamp <= time]
    if part.volume.max() == 0 or part.symbol.nunique() < 2:
        return
    whole, cut_off = read(frame, folder), read(part, folder)
    for name in ("open_time_ns", *PRICES, "volume"):
        np.testing.assert_array_equal(getattr(whole, name)[: len(cut_off)], getattr(cut_off, name))
    count = len(cut_off.joined.rolls)
    assert whole.joined.rolls[:count] == cut_off.joined.rolls


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("ESH4", ("ES", 3, 4)),
        ("esz24", ("ES", 12, 24)),
        ("6EZ2024", ("6E", 12, 2024)),
        ("ES U4", ("ES", 9, 4)),
        ("6EH4.XCME", ("6E", 3, 4)),
        ("IF2403", ("IF", 3, 24)),
        ("ES_202406", ("ES", 6, 202406 // 100)),
        ("ESA4", None),
        ("ESH4-ESM4", None),
        ("AAPL", None),
        ("IF2413", None),
    ],
)
def test_symbols_of_contracts(symbol: str, said: tuple | None) -> None:
    found = code_of(symbol)
    assert (None if found is None else (found.root, found.month, found.year)) == said


@pytest.mark.parametrize(
    ("symbol", "first", "ends"),
    [
        ("ESH4", "2024-03-01", "2024-03"),
        ("ESH4", "2023-06-01", "2024-03"),
        ("ESH4", "2024-04-01", "2034-03"),
        ("ESH4", "2014-01-01", "2014-03"),
        ("ESZ9", "2020-02-01", "2029-12"),
        ("ESH24", "2023-12-01", "2024-03"),
        ("ESH2024", "2023-12-01", "2024-03"),
    ],
)
def test_short_years_are_the_next_ones(symbol: str, first: str, ends: str) -> None:
    bars = bars_of(random_frame(first, 60, 30), 30)
    (found,) = contracts_of(symbol, code_of(symbol), bars)
    assert str(np.datetime64(found.month, "M")) == ends


def test_a_symbol_that_comes_back_is_another_contract() -> None:
    frame = pd.concat([random_frame("2014-03-01", 48, 30), random_frame("2024-03-01", 48, 30)])
    found = contracts_of("ESH4", code_of("ESH4"), bars_of(frame, 30))
    assert [str(np.datetime64(one.month, "M")) for one in found] == ["2014-03", "2024-03"]
    assert [len(one.bars) for one in found] == [48, 48]


@pytest.mark.parametrize(
    ("make", "keys", "words"),
    [
        (lambda f: f[f.symbol == "ESH4"], {}, "there is ESH4 alone: give a file with several"),
        (lambda f: f.drop(columns="symbol"), {}, "column of symbols, which .* has not: remove it"),
        (
            lambda f: f.assign(symbol=f.symbol.str.replace("ES", "EX").str.replace("H", "A")),
            {},
            "EXA4 begin with EX, but their month code or year is not known: write them as EXH4",
        ),
        (lambda f: f.assign(symbol="AAPL"), {}, "ends with a month code and a year, such as ESH4"),
        (
            lambda f: pd.concat([f, f.assign(symbol=f.symbol.str.replace("ES", "NQ"))]),
            {},
            r"contracts of 2 roots \(ES, NQ\): choose one with data.symbol=",
        ),
        (lambda f: f, {"symbol": "CL"}, "data.symbol=CL is no root of .*: it has contracts of ES"),
        (lambda f: f.assign(volume=0.0), {}, "needs volume, the contracts have none: use data.con"),
        (
            lambda f: f[(f.symbol == "ESH4") | (f.timestamp >= "2024-03-06")],
            {},
            "ESH4 and ESM4 have no common bar before the roll at 2024-03-06 00:00",
        ),
        (
            lambda f: f.assign(
                **{k: f[k] / (f.symbol != "ESM4").map({True: 4e3, False: 1}) for k in PRICES}
            ),
            {},
            "shifts prices to 0 or below: give fewer contracts",
        ),
        (lambda f: f, {"adjustment": "ratio"}, "data.continuous joins contracts by addition"),
        (lambda f: f, {"continuous": "open_interest"}, "must be one of volume, calendar, was open"),
    ],
)
def test_what_cannot_be_joined_is_refused(make, keys: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as caught:
        read(make(three()), tmp_path, **keys)
    assert "\n" not in str(caught.value)


def test_a_file_with_contracts_says_that_they_can_be_joined(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"or join the contracts of a future with data\.continuous="
    ):
        read(three(), tmp_path, continuous=None)
    assert len(read(three(), tmp_path, continuous=None, symbol="ESM4")) == SLOW * 7


def test_spreads_and_other_roots_are_left_out(tmp_path: Path) -> None:
    spread = contract("ESH4-ESM4", "2024-03-01", 5, [1] * 5, 0.0)
    other = contract("NQH4", "2024-03-01", 5, [1] * 5, 0.0)
    plain = read(three(), tmp_path)
    bars = read(pd.concat([three(), spread, other]), tmp_path, symbol="ES")
    assert bars.fingerprint == plain.fingerprint
    assert any(
        "2 symbols that are no contracts of ES are left out" in n for n in bars.reading.notes
    )
    assert bars.reading.symbol == "ES"


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_defects_of_all_contracts_are_named(tmp_path: Path, kind: str) -> None:
    frame = three().reset_index(drop=True)
    frame.loc[300, "low"] = 0.0
    path = tmp_path / f"ES.{kind}"
    (frame.to_parquet if kind == "parquet" else frame.to_csv)(path, index=False)
    config = DataConfig(kind=kind, path=str(path), continuous="volume")
    with pytest.raises(UserError, match=r"row 301.*low"):
        read_bars(config, DAYS)
    config.on_defect = "drop"
    bars = read_bars(config, DAYS)
    assert list(bars.reading.defects["row"]) == [301]
    assert bars.reading.rows == len(frame)
