import json
import multiprocessing

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.evaluation.trials.ledger import Ledger, Trial, config_hash, moments
from grandmodel.evaluation.trials.overlap import UsedSpan

DAY = 86_400_000_000_000
NET = np.array([0.01, -0.02, 0.03])
CLOSES = np.arange(3) * DAY


def trial(**changes):
    return Trial(**{"config": "c", "data": "d", "split": "test", "seed": 0, **changes})


def test_a_repeat_adds_a_line_but_no_trial(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for seed in (0, 0, 1):
        ledger.append("evaluate", trial(seed=seed), NET, close_time_ns=CLOSES, run="r")
    ledger.append("train", trial(split="validation"), NET, close_time_ns=CLOSES, run="r")
    ledger.append("train", trial(data="other"), NET, close_time_ns=CLOSES, run="r")
    assert len(ledger.lines()) == 5
    assert ledger.trials("d", "test") == 2
    assert ledger.trials("d") == 3


def test_every_opening_of_the_test_split_counts(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    sealed = [UsedSpan("NQ", 100 * DAY, 150 * DAY, "test")]
    assert ledger.openings(sealed) == 0
    for opened in (sealed, sealed, ()):
        ledger.append("evaluate", trial(), NET, close_time_ns=CLOSES, run="r", opened=opened)
    assert [line["opens_test"] for line in ledger.lines()] == [True, True, False]
    assert ledger.openings(sealed) == 2
    assert ledger.openings([UsedSpan("ES", 100 * DAY, 150 * DAY, "test")]) == 0
    elsewhere, part = trial(data="a part of d"), [UsedSpan("NQ", 140 * DAY, 200 * DAY, "test")]
    ledger.append("backtest", elsewhere, NET, close_time_ns=CLOSES, run="r", opened=part)
    assert ledger.openings(sealed) == 3
    assert ledger.openings(part) == 3
    assert ledger.openings([UsedSpan("NQ", 150 * DAY, 200 * DAY, "test")]) == 1


def test_a_line_holds_moments_and_the_returns_lie_beside(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    line = ledger.append("backtest", trial(), NET, close_time_ns=CLOSES, run="r", gate=0.4)
    assert line["n"] == 3
    assert line["mean"] == pytest.approx(NET.mean())
    assert line["gate"] == 0.4
    assert (tmp_path / line["returns"]).exists()
    closes, net = ledger.returns(line["trial"])
    np.testing.assert_array_equal(net, NET)
    np.testing.assert_array_equal(closes, CLOSES)


def test_moments_of_a_normal_sample_and_of_nothing():
    found = moments(np.random.default_rng(0).normal(0.0, 2.0, 100_000))
    assert found.sd == pytest.approx(2.0, rel=0.02)
    assert found.skew == pytest.approx(0.0, abs=0.05)
    assert found.kurtosis == pytest.approx(3.0, abs=0.1)
    assert moments(np.zeros(5)).kurtosis == 3.0
    assert moments(np.zeros(0)).n == 0


def test_places_and_seed_are_no_part_of_a_trial():
    one = {"seed": 1, "data": {"kind": "csv", "path": "a.csv"}, "paths": {"output": "x"}}
    two = {"seed": 2, "data": {"kind": "csv", "path": "b.csv"}, "paths": {"output": "y"}}
    assert config_hash(one) == config_hash(two)
    assert config_hash(one) != config_hash({"data": {"kind": "parquet"}})
    moved = [config_hash({"data": {"events": name}}) for name in ("a.csv", "b.csv")]
    assert moved[0] == moved[1]  # the instrument's fingerprint holds what is in it


def test_only_full_names_are_no_part_of_a_trial():
    plain = config_hash({"features": {"own": {}}})
    assert config_hash({"features": {"own": {"path": {"_target_": "x"}}}}) != plain
    assert config_hash({"features": {"own": {}, "runs": 1}}) != plain
    patience = [config_hash({"callbacks": {"early_stopping_patience": n}}) for n in (2, None)]
    assert patience[0] != patience[1]
    assert config_hash({"init_from": "a"}) != config_hash({"init_from": "b"})
    quiet = {"callbacks": {"progress": False}, "judge": "test", "hydra": {"run": 1}}
    assert config_hash(quiet) == config_hash({"callbacks": {}})


def _one_line(path) -> bytes:
    Ledger(path).append("train", trial(), NET, close_time_ns=CLOSES, run="r")
    return path.read_bytes()


@pytest.mark.parametrize("kept", [1, 60, -2])
def test_a_line_that_its_writer_could_not_end_is_left_out(tmp_path, kept):
    path = tmp_path / "ledger.jsonl"
    line = _one_line(path)
    path.write_bytes(line + line[:kept])
    assert len(Ledger(path).lines()) == 1
    Ledger(path).append("train", trial(seed=1), NET, close_time_ns=CLOSES, run="r")
    assert [line["seed"] for line in Ledger(path).lines()] == [0, 1]
    assert path.read_bytes().startswith(line)
    assert path.read_bytes().count(b"\n") == 2


def test_a_line_that_lacks_only_its_end_counts(tmp_path):
    path = tmp_path / "ledger.jsonl"
    line = _one_line(path)
    path.write_bytes(line + line[:-1])
    assert len(Ledger(path).lines()) == 2
    Ledger(path).append("train", trial(seed=1), NET, close_time_ns=CLOSES, run="r")
    assert [line["seed"] for line in Ledger(path).lines()] == [0, 0, 1]


@pytest.mark.parametrize("broken", [b'{"tri\n', b"5\n", b"\n", b"\xff\n", b'{"trial": "x"}\n'])
def test_any_other_broken_line_is_marked_and_left_out(tmp_path, broken):
    path = tmp_path / "ledger.jsonl"
    line = _one_line(path)
    path.write_bytes(line + broken + line)
    found = Ledger(path).read()
    assert (len(found.lines), found.damaged, found.missing) == (2, (2,), 0)
    assert found.complaint is not None
    assert "line 2 cannot be read" in found.complaint
    Ledger(path).append("train", trial(seed=1), NET, close_time_ns=CLOSES, run="r")
    assert Ledger(path).read().lines[-1]["line"] == 4
    assert Ledger(path).trials("d") == 2


def test_a_line_that_was_taken_out_is_missed(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for seed in range(4):
        Ledger(path).append("train", trial(seed=seed), NET, close_time_ns=CLOSES, run="r")
    assert Ledger(path).read().complaint is None
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    assert Ledger(path).read().missing == 1
    Ledger(path).append("train", trial(seed=9), NET, close_time_ns=CLOSES, run="r")
    assert Ledger(path).read().missing == 1
    assert Ledger(path).unlisted() == [trial(seed=1).key]


def test_variants_of_the_same_bars_are_trials_on_them(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for data, origin in (("d", None), ("drawn", "d"), ("stressed", "d"), ("other", None)):
        made = trial(data=data, origin=origin)
        ledger.append("train", made, NET, close_time_ns=CLOSES, run="r")
    assert ledger.trials("d") == ledger.trials("drawn") == ledger.trials("stressed") == 3
    assert ledger.trials("other") == 1
    assert ledger.trials("unheard of") == 0
    found = ledger.read()
    assert len(found.with_returns("cut today")) == 0
    assert len(found.with_returns("cut today", origin="d")) == 3  # at its first look
    assert trial(data="d").key == trial(data="d", origin="o").key


def test_statistics_skip_lines_without_returns(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("train", trial(), NET, close_time_ns=CLOSES, run="first")
    ledger.append("environment", trial(seed=1), NET[:0], close_time_ns=CLOSES[:0], run="r")
    ledger.append("train", trial(), NET, close_time_ns=CLOSES, run="again")
    assert ledger.trials("d") == 2
    assert [line["run"] for line in ledger.read().with_returns("d")] == ["again"]


@pytest.mark.parametrize("damage", [None, b"", b"PK\x03\x04 no more"])
def test_returns_that_are_gone_are_told_in_a_sentence(tmp_path, damage):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    line = ledger.append("train", trial(), NET, close_time_ns=CLOSES, run="r")
    path = tmp_path / line["returns"]
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(UserError, match="is missing or damaged, so the returns of trial"):
        ledger.returns(line["trial"])


def _append_many(path, seed):
    for _ in range(8):
        Ledger(path).append("train", trial(seed=seed), NET, close_time_ns=CLOSES, run="r" * 30_000)


def test_several_writers_never_mix_their_lines(tmp_path):
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(path, seed % 3)) for seed in range(5)]
    for worker in workers:
        worker.start()
    while workers[-1].is_alive():
        assert not Ledger(path).read().damaged  # read while others write
        workers[-1].join(0.02)
    for worker in workers:
        worker.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["line"] for line in lines] == list(range(1, 41))
    assert Ledger(path).trials("d") == 3
