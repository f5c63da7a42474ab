"""Sources that no file holds: from the command line to a dataset, and what the seal sees."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grandmodel.core.checks import UserError
from grandmodel.features.tape import Tape
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.market import Stage, build_dataset
from grandmodel.wiring.schema import TrainConfig

NO_TAPE: Tape = None  # pyright: ignore[reportAssignmentType] - spans need the bars only
SMALL = (
    "data.train_bars=2000",
    "data.validation_paths=1",
    "data.validation_bars=1000",
    "data.test_paths=1",
    "data.test_bars=1000",
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half-hour bars around the clock, a hundred days of them."""
    rows = 100 * 48
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 1e-3, rows)))
    opens = np.append(100.0, close[:-1])
    path = tmp_path_factory.mktemp("bars") / "BTCUSDT_30m.parquet"
    times = pd.date_range("2020-01-01", periods=rows, freq="30min", tz="UTC")
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    frame = {"timestamp": times, "open": opens, "high": high, "low": low, "close": close}
    pd.DataFrame({**frame, "volume": 1.0}).to_parquet(path)
    return path


def stage(*overrides: str) -> Stage:
    config = typed(compose("train", overrides), TrainConfig)
    return Stage(build_dataset(config, max_hold_bars=8, episode_bars=64), NO_TAPE)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("gbm", "geometric Brownian motion, drift 0 bp and sd 11 bp per half hour"),
        ("garch", "GJR-GARCH(1,1)"),
        ("jumps", "Merton's jump diffusion"),
    ],
)
def test_monte_carlo_sources_are_drawn_by_name(source: str, words: str) -> None:
    dataset = stage(f"data={source}", *SMALL).dataset
    assert dataset.synthetic
    assert words in dataset.about


def test_parameters_are_reached_from_the_command_line() -> None:
    dataset = stage("data=garch", "data.garch.alpha=0.1", "data.garch.beta=0.8", *SMALL).dataset
    assert "alpha 0.1" in dataset.about
    with pytest.raises(UserError, match=r"data\.garch\.beta must be below 1"):
        stage("data=garch", "data.garch.beta=0.99", *SMALL)


@pytest.mark.parametrize("given", ["gap_open", "{kind:gap_open,size:-0.08}", "[gap_open,gap_open]"])
def test_stress_is_read_in_each_of_its_forms(given: str) -> None:
    dataset = stage("data=gbm", f"data.stress={given}", *SMALL).dataset
    assert "gap_open" in dataset.notes[0]


def test_on_defect_is_read_by_drawn_bars_only_where_stress_needs_it() -> None:
    with pytest.raises(UserError, match=r"data\.on_defect=drop is given"):
        stage("data=gbm", "data.on_defect=drop", *SMALL)
    with pytest.raises(UserError, match="need prices above 0"):
        stage("data=gbm", "data.stress=negative_prices", *SMALL)
    dataset = stage("data=gbm", "data.stress=negative_prices", "data.on_defect=drop", *SMALL)
    assert len(dataset.dataset.paths[-1].bars) < 1000


@pytest.mark.parametrize(
    "made_from",
    [("data=auto", "data.stress={kind:limit_halt,size:-0.1}"), ("data=bootstrap",)],
    ids=["stress", "bootstrap"],
)
def test_the_seal_sees_the_bars_of_the_file(file: Path, made_from: tuple[str, ...]) -> None:
    plain = stage("data=auto", f"data.path={file}")
    made = stage(*made_from, f"data.path={file}")
    for split in ("train", "validation", "test"):
        assert made.used(split, "A") == plain.used(split, "A")
    assert made.facts()["origin_fingerprint"] == plain.dataset.bars_fingerprint
    assert made.dataset.bars_fingerprint != plain.dataset.bars_fingerprint
    assert plain.facts()["origin_fingerprint"] is None


def test_resampled_bars_can_be_stressed_too(file: Path) -> None:
    made = stage("data=bootstrap", f"data.path={file}", "data.stress=flash_crash")
    assert made.dataset.origin is not None
    assert made.dataset.origin.origin is None
    assert any("flash_crash" in note for note in made.dataset.notes)


def test_resampled_sessions_have_no_economic_calendar(file: Path) -> None:
    with pytest.raises(UserError, match=r"data\.events belongs to the days of the file"):
        stage("data=bootstrap", f"data.path={file}", "data.events=calendar.csv")
