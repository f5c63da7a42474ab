"""The seal: bars are known again by instrument and time, and by themselves."""

import dataclasses

import numpy as np
import pytest

from grandmodel.evaluation.trials import overlap
from grandmodel.evaluation.trials.overlap import DayPrints, UsedSpan, opened_test
from grandmodel.market.bars import Bars
from grandmodel.market.instruments import Instrument

DAY = 86_400_000_000_000
HALF_HOUR = DAY // 48
FIRST = 18_000  # days since 1970


def refusal(wanted, used):
    return overlap.refusal(wanted, used, "give data.start={later} or later")


def span(start, end, use="training", instrument="NQ"):
    return UsedSpan(instrument, start * DAY, end * DAY, use)


def test_overlapping_bars_are_refused_in_one_sentence():
    used = [span(0, 100), span(100, 120, "selection"), span(120, 150, "test")]
    said = refusal(span(110, 130, "backtest"), used)
    assert said is not None
    assert "bars of NQ from 1970-04-21 to 1970-05-01 were used for selection" in said
    assert said.endswith("of this run: give data.start=1970-05-03 or later")
    assert refusal(span(120, 150, "backtest"), used) is None
    assert refusal(span(0, 100, "backtest", "ES"), used) is None
    assert refusal(span(10, 20, "backtest"), [span(20, 30)]) is None


def test_bars_of_the_test_split_count_as_an_opening():
    used = [span(0, 100), span(120, 150, "test")]
    wanted = [span(149, 200, "backtest"), span(150, 200, "backtest")]
    assert opened_test(wanted, used) == (wanted[0],)


def test_spans_survive_the_record():
    assert UsedSpan.from_record(span(1, 2).as_record()) == span(1, 2)


def bars(days: int = 40, *, seed: int = 0, name: str = "NQ") -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(rng.normal(0.0, 0.1, days * 48))
    opens = np.append(100.0, close[:-1])
    return Bars(
        open_time_ns=FIRST * DAY + np.arange(days * 48) * HALF_HOUR,
        open=opens,
        high=np.maximum(opens, close) + 0.1,
        low=np.minimum(opens, close) - 0.1,
        close=close,
        volume=np.ones(days * 48),
        minutes=30,
        instrument=Instrument(name=name),
    )


def used(source: Bars, first_day: float, last_day: float, use="training") -> UsedSpan:
    start, end = round((FIRST + first_day) * DAY), round((FIRST + last_day) * DAY)
    return UsedSpan(
        source.instrument.name, start, end, use, "run", DayPrints.of(source, start, end)
    )


def test_the_same_bars_under_another_name_are_refused():
    trained = [used(bars(), 2, 20), used(bars(), 20, 30, "selection"), used(bars(), 30, 40, "test")]
    renamed = bars(name="generic")
    said = refusal(used(renamed, 5, 15), trained)
    assert said is not None
    assert "bars of generic (known to this run as NQ) from 2019-04-19 to" in said
    assert "used for training" in said
    assert refusal(used(renamed, 25, 40), trained) is not None
    assert refusal(used(renamed, 30, 40), trained) is None
    assert opened_test([used(renamed, 30, 40)], trained)


def test_a_part_of_the_bars_is_known_again():
    part = bars(name="generic").slice(48 * 9 + 7, 48 * 15 + 5)  # days 10 to 14 are whole
    assert refusal(used(part, 9, 15), [used(bars(), 2, 20)]) is not None


def test_a_split_inside_a_day_touches_only_what_it_shares():
    trained = [used(bars(), 2, 20.5)]
    renamed = bars(name="generic")
    assert refusal(used(renamed, 20.5, 30), trained) is None
    assert refusal(used(renamed, 20.25, 30), trained) is not None


def test_single_precision_and_corrected_days_do_not_hide_bars():
    source = bars()
    rounded = {
        name: getattr(source, name).astype(np.float32).astype(np.float64)
        for name in ("open", "high", "low", "close")
    }
    rounded["close"][48 * 10 + 3] += 1e-3
    copy = dataclasses.replace(bars(name="other"), **rounded)
    assert refusal(used(copy, 10, 12), [used(source, 2, 20)]) is not None
    assert refusal(used(copy, 10, 11), [used(source, 2, 20)]) is None  # that day is another


@pytest.mark.parametrize("name", ["generic", "ES"])
def test_other_bars_of_the_same_time_are_not_refused(name):
    trained = [used(bars(name="generic" if name == "generic" else "NQ"), 2, 20)]
    assert refusal(used(bars(seed=1, name=name), 2, 20), trained) is None


def test_other_bars_of_the_same_instrument_are_refused():
    assert refusal(used(bars(seed=1), 2, 20), [used(bars(), 2, 20)]) is not None


def test_a_day_without_bars_is_like_no_other():
    weekdays = bars().slice(0, 48 * 5)
    assert refusal(used(weekdays, 6, 9), [used(bars(10, name="x").slice(0, 48), 6, 9)]) is None


def test_records_without_prints_are_known_by_name():
    record = used(bars(name="generic"), 2, 20).as_record()
    assert UsedSpan.from_record(record) == used(bars(name="generic"), 2, 20)
    del record["days"]
    assert refusal(used(bars(name="generic"), 5, 9), [UsedSpan.from_record(record)]) is not None
