"""Splits that name their bars, and the cold features of what is learned after a test."""

import numpy as np
import pandas as pd
import pytest

from grandmodel.core.checks import UserError
from grandmodel.market.config import DataConfig, SplitConfig
from grandmodel.market.dataset import Dataset
from grandmodel.market.instruments import Instrument
from grandmodel.market.load import load_dataset
from grandmodel.market.stretches import lay_stretches, one_history, written

ROWS = 3_000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Half hours around the clock, all of them usable after the warm-up."""
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 1e-3, ROWS)))
    times = pd.date_range("2020-01-01", periods=ROWS, freq="30min", tz="UTC")
    frame = {"timestamp": times, "open": close, "high": close, "low": close, "close": close}
    path = tmp_path_factory.mktemp("bars") / "BTCUSDT_30m.parquet"
    pd.DataFrame({**frame, "volume": 1.0}).to_parquet(path)
    data = DataConfig(kind="parquet", path=str(path))
    return load_dataset(data, Instrument(name="coin", calendar="24/7"), 9, whole=True)


def texts(dataset: Dataset, **parts: list[tuple[int, int]]) -> dict[str, list[str]]:
    bars = dataset.paths[0].bars
    return {
        part: [written(bars.open_time_ns, bars.minutes, *edges) for edges in found]
        for part, found in parts.items()
    }


def test_bars_are_found_again_by_their_times(dataset: Dataset) -> None:
    given = texts(
        dataset, train=[(700, 900), (950, 1100)], validation=[(1200, 1300)], test=[(1400, 1500)]
    )
    assert given["test"] == ["2020-01-30T04:00:00/2020-02-01T06:00:00"]
    laid = lay_stretches(dataset, given)
    assert len(laid.paths) == 1
    assert laid.splits["train"] == ((0, 700, 900), (0, 950, 1100))
    assert laid.splits["test"] == ((0, 1400, 1500),)
    assert laid.bars_fingerprint == dataset.bars_fingerprint


def test_what_is_learned_after_a_test_starts_afresh(dataset: Dataset) -> None:
    given = texts(
        dataset,
        train=[(610, 900), (1700, 1900)],
        validation=[(2000, 2100), (2800, 2900)],
        test=[(1000, 1050), (2100, 2150)],
    )
    laid = lay_stretches(dataset, given)
    assert [len(path.bars) for path in laid.paths] == [ROWS, 2100 - 1050, 2900 - 2150]
    assert laid.splits["train"] == ((0, 610, 900), (1, 650, 850))
    assert laid.splits["validation"] == ((1, 950, 1050), (2, 650, 750))
    assert laid.splits["test"] == ((0, 1000, 1050), (0, 2100, 2150))
    cold = laid.paths[1].bars
    assert np.array_equal(cold.close, dataset.paths[0].bars.close[1050:2100])
    assert laid.origin is not None
    assert laid.origin.bars_fingerprint == dataset.bars_fingerprint
    assert laid.origin.splits["train"] == ((0, 610, 900), (0, 1700, 1900))


def test_a_cold_stretch_needs_the_warm_up(dataset: Dataset) -> None:
    given = texts(dataset, train=[(1500, 1900)], validation=[(2000, 2100)], test=[(1000, 1050)])
    with pytest.raises(UserError, match=r"450 bars lie between .* need 600"):
        lay_stretches(dataset, given)


def test_stretches_without_usable_bars_are_refused(dataset: Dataset) -> None:
    given = texts(dataset, train=[(10, 601)], validation=[(700, 800)], test=[(900, 950)])
    with pytest.raises(UserError, match=r"stretches.train=.* holds 1 usable bars"):
        lay_stretches(dataset, given)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train": ["2020-01-01/2020-02-01"]}, "must read FROM/TO"),
        ({"train": ["2020-02-01T00:00:00/2020-01-01T00:00:00"]}, "must end after it begins"),
        ({"train": []}, "stretches.train is missing"),
        ({"exam": ["2020-02-01T00:00:00/2020-03-01T00:00:00"]}, "knows the parts"),
        ({"test": ["2020-01-05T00:00:00/2020-01-06T00:00:00"]}, "must not overlap"),
    ],
)
def test_stretches_that_are_none_are_refused(changed: dict, said: str) -> None:
    given = {
        "train": ["2020-01-01T00:00:00/2020-02-01T00:00:00"],
        "validation": ["2020-02-01T00:00:00/2020-03-01T00:00:00"],
        "test": ["2020-03-01T00:00:00/2020-04-01T00:00:00"],
    }
    SplitConfig(stretches=given)
    with pytest.raises(UserError, match=said):
        SplitConfig(stretches=given | changed)


def test_a_name_without_stretches_is_refused() -> None:
    with pytest.raises(UserError, match="names stretches and there are none"):
        SplitConfig(name="mine")


def test_a_planted_market_keeps_its_training_path(dataset: Dataset) -> None:
    planted = one_history(
        Dataset(dataset.paths, {"train": dataset.splits["test"], "test": ()}, synthetic=True)
    )
    assert planted.splits["test"] == dataset.splits["test"]
    assert planted.splits["train"] == ()
