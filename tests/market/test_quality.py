import numpy as np
import pandas as pd
from market_makers import bars_of, flat_bars, grid, random_frame, utc_ns

from grandmodel.core.clock import MINUTE_NS
from grandmodel.market.hours import open_time_before, trading_hours
from grandmodel.market.instruments import Instrument
from grandmodel.market.quality import gap_table, quality_table

ES = Instrument(name="ES", tick=0.25, calendar="CMES", timezone="America/Chicago")
SPY = Instrument(name="SPY", tick=0.01, calendar="XNYS", timezone="America/New_York")


def kinds(instrument: Instrument, *opens: str, minutes: int = 5) -> list[tuple[str, int]]:
    table = gap_table(flat_bars([utc_ns(text) for text in opens], minutes, instrument))
    return list(zip(table.kind, table.missing_bars, strict=True))


def test_gaps_of_a_stock() -> None:
    assert kinds(SPY, "2024-07-03 16:55", "2024-07-05 13:30") == [("closed", 0)]  # early close
    assert kinds(SPY, "2024-07-03 16:50", "2024-07-05 13:35") == [("missing", 2)]
    assert kinds(SPY, "2024-07-03 14:00", "2024-07-03 14:10") == [("missing", 1)]
    assert kinds(SPY, "2024-07-03 14:00", "2024-07-03 14:05") == []


def test_gaps_of_a_future() -> None:
    assert kinds(ES, "2024-03-08 21:55", "2024-03-10 22:00") == [("closed", 0)]  # a weekend
    assert kinds(ES, "2024-03-07 21:55", "2024-03-07 23:00") == [("closed", 0)]  # daily pause
    assert kinds(ES, "2024-03-07 20:10", "2024-03-07 20:30") == [("missing", 3)]
    assert kinds(ES, "2024-07-04 16:55", "2024-07-04 22:00") == [("closed", 0)]  # early close
    # 16:15 to 16:30 New York was a pause until June 2021
    assert kinds(ES, "2015-03-05 21:10", "2015-03-05 21:30") == [("closed", 0)]
    assert kinds(ES, "2022-03-03 21:10", "2022-03-03 21:30") == [("missing", 3)]


def test_gaps_without_a_calendar_are_unknown() -> None:
    plain = Instrument(name="x")
    assert kinds(plain, "2024-03-07 20:10", "2024-03-07 20:30") == [("unknown", 0)]


def test_open_time_equals_a_count_of_open_minutes() -> None:
    minutes = grid("2015-03-05", "2015-03-10", 1)
    hours = trading_hours(minutes, "CMES")
    assert hours is not None
    chosen = np.random.default_rng(0).choice(len(minutes), 50)
    opened = open_time_before(minutes, hours) // MINUTE_NS
    steps = np.diff(opened)
    assert set(steps) <= {0, 1}
    local = pd.DatetimeIndex(minutes, tz="UTC").tz_convert("America/New_York")
    for index in chosen[chosen < len(steps)]:
        clock = local[index].hour * 60 + local[index].minute
        evening = clock >= 18 * 60 and local[index].weekday() not in (4, 5)
        daytime = clock < 17 * 60 and local[index].weekday() not in (5, 6)
        pause = 16 * 60 + 15 <= clock < 16 * 60 + 30
        assert steps[index] == ((evening or daytime) and not pause), local[index]


def test_findings_by_hand() -> None:
    frame = random_frame("2024-07-01 13:30", 78, 5).drop(index=[10, 11])
    frame.loc[20, "volume"] = 0.0
    for row, factor in ((30, 1.2), (50, 1.02), (60, 1.005)):  # half a per cent is no jump
        frame.loc[row, ["open", "high", "low", "close"]] *= factor
    table = quality_table(bars_of(frame, 5, SPY, volume_kind="traded")).set_index("finding")
    counts = table["count"].to_dict()
    assert counts["bars"] == 76
    assert counts["gaps, missing"] == 1
    assert counts["bars missing"] == 2
    assert counts["gaps, closed"] == counts["duplicate times"] == 0
    assert counts["non-positive prices"] == counts["bars outside the calendar"] == 0
    assert counts["zero volume"] == 1
    assert table.note["zero volume"] == "volume: traded"
    assert counts["price jumps"] == 4
    assert 0.19 < table.worst["price jumps"] < 0.21
    assert str(table.first_time["gaps, missing"]) == "2024-07-01 14:30:00+00:00"


def test_bars_of_an_empty_gap_list() -> None:
    table = quality_table(flat_bars(grid("2024-07-01", "2024-07-02", 30), 30, SPY))
    assert table.set_index("finding")["count"]["bars outside the calendar"] == 48 - 13
