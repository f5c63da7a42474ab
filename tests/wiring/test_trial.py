"""Two judgements are one trial where their results cannot differ, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from grandmodel.market.bars import Bars
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.wiring.compose import compose
from grandmodel.wiring.trial import trial_of


def dataset(**instrument) -> Dataset:
    prices = np.full(10, 100.0)
    times = np.arange(10) * 1_800_000_000_000
    known = Instrument(**{"name": "NQ", "tick": 0.25, **instrument})
    return Dataset(
        (MarketPath(Bars(times, prices, prices, prices, prices, prices, 30, known)),), {}
    )


@pytest.mark.parametrize(
    "changed", [{"slippage_ticks": 0.5}, {"edge": "flat"}, {"name": "ES"}], ids=str
)
def test_other_costs_are_another_trial_on_the_same_bars(changed: dict) -> None:
    config = compose("train", [])
    one = trial_of(config, dataset(), "test", None)
    other = trial_of(config, dataset(**changed), "test", None)
    assert one.key != other.key
    assert one.data == other.data


def test_a_trial_on_cut_bars_knows_the_file_behind_them() -> None:
    config, whole = compose("train", []), dataset()
    assert trial_of(config, whole, "test", None).origin is None
    cut = trial_of(config, replace(whole, cut_from="file"), "test", None)
    assert cut.origin == "file"
    drawn = replace(dataset(), origin=replace(whole, cut_from="file"))
    assert trial_of(config, drawn, "test", None).origin == "file"


def test_an_instrument_found_by_name_is_the_same_as_one_given() -> None:
    assert key("instrument=ES") == key()  # the dataset says what it was


def key(*overrides: str, start: str | None = None, **instrument) -> str:
    config = compose("train", list(overrides))
    return trial_of(config, dataset(**instrument), "test", start).key


@pytest.mark.parametrize(
    "override",
    [
        "trainer.threads=1", "data.cache=false", "evaluation.report=false", "logger=none",
        "evaluation.references=false", "callbacks.progress=false", "paths.output=elsewhere",
        "callbacks.checkpoint_every_s=1", "data.path=moved.csv", "judge=test",
        "evaluation.vote_horizon_bars=12", "evaluation.draws=50", "evaluation.random_draws=50",
        "evaluation.seed=3",
    ],
)  # fmt: skip
def test_what_cannot_change_a_result_makes_no_trial(override: str) -> None:
    assert key(override) == key()


@pytest.mark.parametrize(
    "override",
    [
        "seed=1", "callbacks.early_stopping_patience=2", "algorithm.gamma=0.9",
        "+features.own.path={_target_: x}", "trainer.precision=bf16-mixed", "agent.gate=0.5",
    ],
)  # fmt: skip
def test_what_can_change_a_result_makes_one(override: str) -> None:
    assert key(override) != key()


def test_start_weights_count_by_content_not_by_folder() -> None:
    first = key("init_from=outputs/A", start="content")
    assert first != key()
    assert first == key("init_from=outputs/moved", start="content")
    assert first != key("init_from=outputs/A", start="other content")
