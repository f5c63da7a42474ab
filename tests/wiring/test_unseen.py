"""Bars that weights were made from neither select nor judge what is trained on from them."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grandmodel.core.checks import UserError
from grandmodel.evaluation.trials.overlap import UsedSpan
from grandmodel.features.tape import Tape
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.market import Stage, build_dataset
from grandmodel.wiring.occasion import Occasion
from grandmodel.wiring.run_folder import RunFolder
from grandmodel.wiring.same import other_costs, other_market
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.unseen import moved_split, seen_by_run, seen_by_start

NO_TAPE: Tape = None  # pyright: ignore[reportAssignmentType] - spans need the bars only


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half-hour bars around the clock, a hundred and sixty days of them."""
    rows = 160 * 48
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 1e-3, rows)))
    opens = np.append(100.0, close[:-1])
    path = tmp_path_factory.mktemp("bars") / "BTCUSDT_30m.parquet"
    times = pd.date_range("2020-01-01", periods=rows, freq="30min", tz="UTC")
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    frame = {"timestamp": times, "open": opens, "high": high, "low": low, "close": close}
    pd.DataFrame({**frame, "volume": 1.0}).to_parquet(path)
    return path


def stage(file: Path, *overrides: str) -> Stage:
    given = ["data=parquet", f"data.path={file}", *overrides]
    config = typed(compose("train", given), TrainConfig)
    return Stage(build_dataset(config, max_hold_bars=8, episode_bars=64), NO_TAPE)


def used(made: Stage) -> list[UsedSpan]:
    return [span for split in ("train", "validation", "test") for span in made.used(split, "A")]


def shares(*parts: float) -> tuple[str, ...]:
    names = ("train", "validation", "test")
    return tuple(f"data.split.{name}={part}" for name, part in zip(names, parts, strict=True))


def test_the_same_splits_may_be_trained_on(file: Path) -> None:
    first = stage(file)
    assert seen_by_start(first, used(first), "A", allowed=False) == {"validation": (), "test": ()}


def test_a_validation_that_was_trained_on_is_refused_and_the_remedy_works(file: Path) -> None:
    first = used(stage(file))
    with pytest.raises(UserError) as caught:
        seen_by_start(stage(file, *shares(0.2, 0.2, 0.2)), first, "A", allowed=False)
    said = str(caught.value)
    assert said.startswith("split=validation: bars of BTCUSDT from 2020-")
    assert "were used for training of init_from=A" in said
    assert "allow_overlap=true" in said
    (day,) = re.findall(r"data\.split\.train=(\S+)", said)
    later = (np.datetime64(day) + 30).astype(str)
    dated = stage(file, f"data.split.train='{day}'", f"data.split.validation='{later}'")
    assert seen_by_start(dated, first, "A", allowed=False)["validation"] == ()


def test_a_test_part_that_was_selected_on_is_refused_and_the_remedy_works(file: Path) -> None:
    first = used(stage(file))
    with pytest.raises(UserError) as caught:
        seen_by_start(stage(file, *shares(0.6, 0.1, 0.3)), first, "A", allowed=False)
    said = str(caught.value)
    assert said.startswith("split=test: ")
    assert "used for selection of init_from=A" in said
    (day,) = re.findall(r"data\.split\.validation=(\S+)", said)
    before = (np.datetime64(day) - 20).astype(str)
    dated = stage(file, f"data.split.train='{before}'", f"data.split.validation='{day}'")
    assert seen_by_start(dated, first, "A", allowed=False) == {"validation": (), "test": ()}


def test_allowed_bars_are_told_and_prove_nothing(file: Path) -> None:
    moved = stage(file, *shares(0.2, 0.2, 0.2))
    seen = seen_by_start(moved, used(stage(file)), "A", allowed=True)
    assert [len(sentences) for sentences in seen.values()] == [1, 1]
    occasion = Occasion("train", "test", (), (), (), chosen_here=False)
    assert occasion.seen_before(()) is occasion
    told = occasion.seen_before(seen["test"])
    assert told.chosen_here
    assert told.notes == seen["test"]


def folder_of(path: Path, spans: list[UsedSpan]) -> RunFolder:
    folder = RunFolder(path)
    folder.write_run_json(used=[span.as_record() for span in spans])
    return folder


def test_a_judgement_names_the_remedy_of_its_case(file: Path, tmp_path: Path) -> None:
    first, moved = stage(file), stage(file, *shares(0.2, 0.2, 0.2))
    own = folder_of(tmp_path, used(first))
    assert seen_by_run(own, first, "test", allowed=False) == {"test": ()}
    assert seen_by_run(own, first, "validation", allowed=False) == {"validation": ()}
    with pytest.raises(UserError, match=r"leave data\.split and data\.start as they were in the"):
        seen_by_run(own, moved, "test", allowed=False)
    assert len(seen_by_run(own, moved, "test", allowed=True)["test"]) == 1
    inherited = [replace(span, run="older") for span in used(first)]
    mixed = folder_of(tmp_path, [*used(moved), *inherited])
    with pytest.raises(UserError) as caught:
        seen_by_run(mixed, moved, "test", allowed=False)
    assert "data.split" not in str(caught.value)
    assert "backtest.py and data.start=2020-" in str(caught.value)


def test_a_split_that_was_moved_and_costs_that_were_changed_are_told(
    file: Path, tmp_path: Path
) -> None:
    source, made = RunFolder(tmp_path), stage(file)
    source.write_run_json(used=[span.as_record() for span in used(made)], **made.facts())
    assert moved_split(source, made, "test") == ()
    (note,) = moved_split(source, stage(file, "data.start=2020-03-01"), "test")
    assert note == "split=test is not the stretch that the run had set aside for it"
    assert other_costs(source, made) == other_market(source, made) == ()
    dear = stage(file, "instrument.fee_bps=7")
    (note,) = other_costs(source, dear)
    assert "is 7.0" in note
    other = stage(file, "instrument=ES")
    assert len(other_market(source, other)) == 1
    assert other_costs(source, other) == ()
