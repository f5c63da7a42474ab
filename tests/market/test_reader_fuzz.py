import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_makers import PLAIN
from reader_fuzz import broken_file, check, outcome

from grandmodel.market.readers import frame
from grandmodel.market.readers.formats import read_bars


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rng=st.randoms(use_true_random=False))
def test_no_broken_file_ends_in_a_traceback_or_in_impossible_bars(
    rng: random.Random, tmp_path: Path
) -> None:
    outcome(*broken_file(rng), tmp_path / "file.csv")


def test_seeds_reach_all_outcomes(tmp_path: Path) -> None:
    seen = set()
    for seed in range(200):
        rng = random.Random(seed)  # noqa: S311
        seen.add(outcome(*broken_file(rng), tmp_path / "file"))
    assert {"refused", "clean", "mended"} == seen


@pytest.mark.parametrize("seed", [7873, 118645, 209402, 218479])
def test_files_that_once_broke_a_reader(seed: int, tmp_path: Path) -> None:
    outcome(*broken_file(random.Random(seed)), tmp_path / "file.csv")  # noqa: S311


def test_the_check_sees_what_a_reader_lets_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from market_makers import random_frame

    from grandmodel.market.config import DataConfig

    path = tmp_path / "bars.csv"
    rows = random_frame("2024-03-08 14:00", 60, 5)
    rows.loc[3, "high"] = 1.0
    rows.to_csv(path, index=False)
    monkeypatch.setattr(frame, "refuse_defects", lambda *_: None)
    monkeypatch.setattr("grandmodel.market.bars.refuse_defects", lambda *_: None)
    with pytest.raises(AssertionError):
        check(read_bars(DataConfig(kind="csv", path=str(path)), PLAIN))
