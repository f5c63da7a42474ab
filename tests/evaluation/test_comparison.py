"""Runs told together: seeds and tasks by configuration, and what choosing among them means."""

import numpy as np
import pytest

from grandmodel.evaluation.comparison import (
    ONE_SEED,
    RunResult,
    compare,
    configuration_names,
    score_table,
)

RATES = (0.1, 0.2, 0.3)


def result(rate: float, seed: int, score: float, task: str = "NQ") -> RunResult:
    generator = np.random.default_rng([int(1e3 * rate), seed])
    net = generator.normal(score * 1e-3, 1e-2, 160)
    return RunResult(
        run=f"{rate}-{seed}-{task}",
        judgement="there",
        configuration=f"hash {rate}",
        settings={"algorithm.rate": rate, "agent.name": "strategic"},
        task=task,
        seed=seed,
        metrics={"sharpe": score, "verdict": "cannot tell"},
        returns=(np.arange(160), net),
    )


def told(results: list[RunResult]) -> dict:
    return compare(results, draws=200, seed=0)


def test_configurations_are_named_by_what_differs() -> None:
    settings = [{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}]
    assert configuration_names(settings) == ["b=2, c=None", "b=3, c=4"]
    assert configuration_names(settings[:1]) == ["all runs"]


def test_seeds_are_rows_and_tasks_are_columns() -> None:
    results = [result(0.1, seed, seed + 10.0 * (task == "ES"), task)
               for seed in (3, 1) for task in ("NQ", "ES")]  # fmt: skip
    seeds, tasks, scores = score_table(results)
    assert (seeds, tasks) == ([1, 3], ["NQ", "ES"])
    assert scores.tolist() == [[1.0, 11.0], [3.0, 13.0]]


def test_several_seeds_have_an_interval_and_the_best_comes_first() -> None:
    results = [result(rate, seed, 10 * rate + 0.1 * seed) for rate in RATES for seed in range(5)]
    rows = told(results)["configurations"]
    assert [row["name"] for row in rows] == [f"algorithm.rate={rate}" for rate in RATES[::-1]]
    best = rows[0]
    assert best["sharpe"] == pytest.approx(3.2)
    assert best["sharpe_ci_low"] < 3.2 < best["sharpe_ci_high"]
    assert best["notes"] == []


def test_one_seed_is_said_so() -> None:
    (row,) = told([result(0.1, 0, 1.0), result(0.1, 0, 2.0, "ES")])["configurations"]
    assert row["notes"] == [ONE_SEED]
    assert (row["sharpe"], row["sharpe_ci_low"]) == (1.5, None)


def test_a_seed_without_a_task_is_left_out_of_the_interval() -> None:
    results = [result(0.1, seed, float(seed), task) for seed in (1, 2) for task in ("NQ", "ES")]
    (row,) = told([*results, result(0.1, 9, 99.0)])["configurations"]
    assert "seed 9 is left out of the interval: it has no run of ES" in row["notes"]
    assert row["sharpe"] == 1.5
    assert row["table"][2] == [99.0, None]


def test_overfitting_needs_eight_configurations_on_the_same_sessions() -> None:
    few = [result(rate, 0, 1.0) for rate in RATES]
    assert told(few)["pbo_reason"] == "3 configurations, 8 are needed"
    many = [result(round(0.1 * k, 1), seed, 1.0) for k in range(8) for seed in (0, 1)]
    found = told(many)
    assert 0.0 <= found["pbo"] <= 1.0
    assert found["pbo_reason"] is None
    gone = RunResult(**{**vars(many[0]), "returns": None})
    assert "no longer beside the ledger" in told([gone, *many[1:]])["pbo_reason"]
    moved = RunResult(**{**vars(many[0]), "returns": (np.arange(1, 161), np.zeros(160))})
    assert told([moved, *many[2:]])["pbo_reason"].endswith("not judged on the same sessions")


def test_a_plateau_is_told_of_what_was_varied_alone() -> None:
    (row,) = told([result(rate, 0, 10 * rate) for rate in RATES])["plateau"]
    assert (row["key"], row["best"]) == ("algorithm.rate", 0.3)
    assert row["neighbours_share"] == pytest.approx(2 / 3)
