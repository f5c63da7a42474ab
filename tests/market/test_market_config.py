import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError

from grandmodel.core.checks import UserError
from grandmodel.market.config import DataConfig, SplitConfig


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"kind": "json"},
            "data.kind must be one of auto, .*, synthetic, bootstrap, custom, was json",
        ),
        ({"stamp": "end"}, "data.stamp must be one of open, close, was end"),
        ({"timezone": "Mars/Base"}, "data.timezone must be a name such as UTC"),
        ({"adjustment": "split"}, "data.adjustment must be one of none, additive"),
        ({"volume_kind": "shares"}, "data.volume_kind must be one of traded, ticks, none"),
        ({"date_order": "us"}, "data.date_order must be one of mdy, dmy, ymd, was us"),
        ({"start": "now"}, "data.start must be a date such as 2024-01-31, was now"),
        ({"end": "31.01.2024"}, "data.end must be a date"),
        ({"end": "2024-02-30"}, "data.end must be a date"),
        ({"start": "1500-01-01"}, "data.start must lie in the years 1678 to 2261, was 1500-01-01"),
        ({"start": "2024-02-01", "end": "2024-01-01"}, "data.end must not lie before data.start"),
        ({"start": "2024-02-01 12:00", "end": "2024-02-01 11:00"}, "data.end must not lie before"),
        ({"raw_level_at": "2024-01-01=5"}, "belongs to data.adjustment=additive"),
        ({"raw_level_at": "5", "adjustment": "additive"}, "must read TIME=PRICE"),
        ({"raw_level_at": "2024-01-01=inf", "adjustment": "additive"}, "must read TIME=PRICE"),
    ],
)
def test_values_out_of_range_are_refused(keys: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        DataConfig(**keys)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"train": 0.9}, "data.split shares must add up to at most 1, were 1.3"),
        ({"train": -0.1}, r"data.split.train must lie in \[0, 1\] or be a date, was -0.1"),
        ({"train": "2024-01-01"}, "were 2024-01-01 and 0.2: give both dates"),
        ({"train": "2024-01-01", "validation": None}, "were 2024-01-01 and None: give both dates"),
        ({"validation": "2024-01-01"}, "were 0.6 and 2024-01-01: give both dates"),
        ({"test": "2024-01-01"}, "give data.split.train and data.split.validation as dates"),
        ({"train": "2024-02-01", "validation": "2024-01-01"}, "dates must follow one another"),
        (
            {"train": "2024-01-01 12:00", "validation": "2024-02-01"},
            r"data.split.train must be a day such as 2024-01-31, .* was 2024-01-01 12:00",
        ),
        (
            {"train": "2024-01-01", "validation": "2024-02-01", "test": "2024-03-01T00:00Z"},
            "data.split.test must be a day",
        ),
        ({"train": "later", "validation": "2024-01-01"}, "data.split.train must be a date"),
    ],
)
def test_splits_that_are_none_are_refused(keys: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        SplitConfig(**keys)


def test_the_last_day_may_be_the_first() -> None:
    assert DataConfig(start="2024-02-01 12:00", end="2024-02-01").end == "2024-02-01"


def test_the_config_serves_as_a_schema() -> None:
    schema = OmegaConf.structured(DataConfig)
    given = OmegaConf.from_dotlist(
        ["split.train=2020-01-01", "split.validation=2021-01-01", "path=x.csv", "kind=csv"]
    )
    made = OmegaConf.to_object(OmegaConf.merge(schema, given))
    assert isinstance(made, DataConfig)
    assert made.split.by_date
    assert made.split.test == 0.2
    with pytest.raises(ConfigKeyError, match="stempel"):
        OmegaConf.merge(schema, {"stempel": "open"})
