import numpy as np
import pandas as pd
import pytest
from market_makers import random_frame

from grandmodel.core.checks import UserError
from grandmodel.market.config import DataConfig
from grandmodel.market.events import Events, read_events
from grandmodel.market.instruments import Instrument
from grandmodel.market.load import load_dataset

CALENDAR = """time,currency,name,importance
2024-02-02T13:30:00Z,USD,Payrolls,high
2024-01-31 14:00-05:00,usd,Rates,High
2024-02-01T12:00:00+00:00,GBP,Rates,3

2024-02-05T10:00Z,EUR,"Sales, retail",low
"""


def written(tmp_path, text, name="calendar.csv"):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def stamp(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def test_a_calendar_is_read_in_order_of_time_with_zones_heeded(tmp_path):
    events = read_events(written(tmp_path, CALENDAR))
    assert events.name == ("Rates", "Rates", "Payrolls", "Sales, retail")
    assert events.currency == ("USD", "GBP", "USD", "EUR")
    times = ["2024-01-31T19:00", "2024-02-01T12:00", "2024-02-02T13:30"]
    assert events.times_ns("high").tolist() == [stamp(text) for text in times]
    assert events.times_ns("low").tolist() == [stamp("2024-02-05T10:00")]
    assert len(events.times_ns("medium")) == 0


def test_currencies_can_be_chosen_and_other_headers_are_known(tmp_path):
    file = written(tmp_path, CALENDAR)
    assert read_events(file, ["usd"]).currency == ("USD", "USD")
    other = CALENDAR.replace("time,currency,name,importance", "\ufeffDate,Country,Event,Impact")
    found = read_events(written(tmp_path, other, "other.csv"))
    assert found.fingerprint == read_events(file).fingerprint
    with pytest.raises(UserError, match="has no events of CHF"):
        read_events(file, ["CHF"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "2024-02-02 13:30,USD,Payrolls,high",
            r"line 2: time must be .* zone .*, was 2024-02-02 1",
        ),
        ("2024-13-02T13:30Z,USD,Payrolls,high", r"line 2: time must be"),
        ("9999-01-02T13:30Z,USD,Payrolls,high", r"line 2: time must be"),
        (",USD,Payrolls,high", r"line 2: time must be .* was empty"),
        ("2024-02-02T13:30Z,USD,Payrolls,huge", r"importance must be high, medium or low .*huge"),
        ("2024-02-02T13:30Z,USD", r"importance must be .* was empty"),
        ("", "has no events: give a calendar with some"),
    ],
)
def test_a_bad_row_is_refused_in_one_sentence(text, words, tmp_path):
    file = written(tmp_path, f"time,currency,name,importance\n{text}\n")
    with pytest.raises(UserError, match=words) as refused:
        read_events(file)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n", r"has no column time \(its header is a,b\)"),
        ("time,name\n", "has no column importance"),
        ("", "has no column time"),
        (b"time,importance\n\xff\xfe,high\n", "cannot be read as UTF-8"),
        ('time,importance\n"' + "x" * 200_000 + '",high\n', "is no row of CSV"),
        ("time,importance," + "x" * 200_000 + "\n", "is no row of CSV"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused(content, words, tmp_path):
    with pytest.raises(UserError, match=words):
        read_events(written(tmp_path, content))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.events: ~nobody-at-all/a.csv cannot be looked at"):
        read_events("~nobody-at-all/a.csv")
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(UserError, match=r"data\.events: there is no file"):
            read_events(str(path))
    with pytest.raises(UserError, match=r"event_currencies is given but .* no column currency"):
        read_events(written(tmp_path, "time,importance\n2024-02-02T13:30Z,high\n"), ["USD"])
    with pytest.raises(UserError, match=r"data\.event_currencies=USD is read with data\.events"):
        DataConfig(event_currencies=["USD"])


def test_a_dataset_holds_its_calendar_and_is_another_with_it(tmp_path):
    frame = random_frame("2024-01-01", 3000, 30)
    frame.to_parquet(tmp_path / "bars.parquet")
    times = pd.date_range("2024-01-03 13:30", periods=40, freq="D", tz="UTC")
    rows = [f"{time.isoformat()},USD,Daily,medium" for time in times]
    calendar = written(tmp_path, "\n".join(["time,currency,name,importance", *rows]))

    def loaded(**more):
        config = DataConfig(kind="parquet", path=str(tmp_path / "bars.parquet"), **more)
        return load_dataset(config, Instrument(name="plain", tick=0.25), 97)

    plain, dataset = loaded(), loaded(events=calendar)
    assert plain.events is None
    assert isinstance(dataset.events, Events)
    assert len(dataset.events) == 40
    assert dataset.bars_fingerprint == plain.bars_fingerprint
    assert dataset.inputs_fingerprint != plain.inputs_fingerprint
    (note,) = set(dataset.notes) - set(plain.notes)
    assert "40 events from 2024-01-03 to 2024-02-11" in note
