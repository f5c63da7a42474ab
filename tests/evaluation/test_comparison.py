"""Runs told together: seeds and tasks by configuration, and what choosing among them means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_seeds_together import judged

from grandmodel.evaluation.comparison import (
    ONE_SEED,
    TWO_SEEDS,
    RunResult,
    compare,
    configuration_names,
    score_table,
)
from grandmodel.evaluation.trials.ledger import Ledger, Trial

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
    return compare(results, Ledger(Path("nowhere")), draws=200, seed=0)


def test_configurations_are_named_by_what_differs() -> None:
    settings = [{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}]
    assert configuration_names(settings) == ["b=2, c=None", "b=3, c=4"]
    assert configuration_names(settings[:1]) == ["all runs"]


def test_a_setting_goes_by_its_last_part_and_long_names_by_a_number() -> None:
    settings = [{"agent.gate": 1, "a.x": 2, "b.x": 3}, {"agent.gate": 2, "a.x": 3, "b.x": 4}]
    assert configuration_names(settings)[0] == "a.x=2, gate=1, b.x=3"
    long = [{"agent.members": "x" * 80}, {"agent.members": "y" * 80}]
    assert configuration_names(long) == ["configuration 1", "configuration 2"]


def test_seeds_without_their_sessions_are_not_judged_as_one() -> None:
    (row,) = told([result(0.1, seed, 1.0) for seed in (4, 3)])["as_one"]
    assert (row["configuration"], row["task"], row["seeds"]) == ("all runs", "NQ", [3, 4])
    assert row["verdict"] is None
    assert row["verdict_reason"].startswith("not judged as one: seed 4, 3 has no judgement with")
    assert "evaluate.py run=" in row["verdict_reason"]
    assert told([result(0.1, 0, 1.0), result(0.2, 1, 1.0)])["as_one"] == []


def three_configurations(ledger: Ledger) -> list[RunResult]:
    results = []
    for config, seeds in (("a", (0, 1)), ("b", (0, 1, 2)), ("c", (0,))):
        for seed in seeds:
            net = np.random.default_rng([ord(config), seed]).normal(0.002, 0.01, 300)
            of = replace(judged(net, seed), trial=Trial(config, "bars", "test", seed))
            closes = of.sessions["timestamp"].astype("int64").to_numpy()
            ledger.append("evaluate", of.trial, net, close_time_ns=closes, run="r")
            metrics = {**of.metrics, "sharpe": 1.0}
            given = {"trial": of.trial, "sessions": of.sessions, "metrics": metrics}
            own = {"configuration": config, "settings": {"agent.gate": config}, **given}
            results.append(replace(result(0.1, seed, 1.0), **own))
    return results


def test_seeds_that_are_not_averaged_are_trials_each(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    results = three_configurations(ledger)
    assert (results[4].configuration, results[4].sessions is None) == ("b", False)
    for sessions in (None, results[4].sessions.iloc[1:].reset_index(drop=True)):
        apart = [*results[:4], replace(results[4], sessions=sessions), results[5]]
        one, two = compare(apart, ledger, draws=200, seed=0)["as_one"]
        assert (one["trials"], two["verdict"]) == (1 + 3 + 1, None)


def test_a_run_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    results = three_configurations(ledger)
    again = replace(results[0], metrics={**results[0].metrics, "sharpe": 99.0})
    once = compare(results, ledger, draws=200, seed=0)
    twice = compare([*results, again], ledger, draws=200, seed=0)
    assert len(twice.pop("runs")) == len(once.pop("runs")) + 1
    assert twice == once


def test_seeds_of_a_configuration_are_judged_as_one(tmp_path: Path) -> None:
    """Every configuration of several seeds counts once, that of one seed as it is."""
    ledger = Ledger(tmp_path / "ledger.jsonl")
    results = three_configurations(ledger)
    rows = compare(results, ledger, draws=200, seed=0)["as_one"]
    assert [(row["configuration"], row["seeds"]) for row in rows] == [
        ("gate=a", [0, 1]),
        ("gate=b", [0, 1, 2]),
    ]
    assert [row["trials"] for row in rows] == [3, 3]  # of six
    assert all(row["verdict"] is not None for row in rows)


def test_seeds_are_rows_and_tasks_are_columns() -> None:
    results = [result(0.1, seed, seed + 10.0 * (task == "ES"), task)
               for seed in (3, 1) for task in ("NQ", "ES")]  # fmt: skip
    seeds, tasks, scores = score_table(results)
    assert (seeds, tasks) == ([1, 3], ["NQ", "ES"])
    assert scores.tolist() == [[1.0, 11.0], [3.0, 13.0]]


def test_several_seeds_have_an_interval_and_the_best_comes_first() -> None:
    results = [result(rate, seed, 10 * rate + 0.1 * seed) for rate in RATES for seed in range(5)]
    rows = told(results)["configurations"]
    assert [row["name"] for row in rows] == [f"rate={rate}" for rate in RATES[::-1]]
    best = rows[0]
    assert best["sharpe"] == pytest.approx(3.2)
    assert best["sharpe_ci_low"] < 3.2 < best["sharpe_ci_high"]
    assert best["notes"] == []


def test_two_seeds_have_no_interval_over_seeds() -> None:
    (row,) = told([result(0.1, seed, float(seed)) for seed in (1, 2)])["configurations"]
    assert (row["sharpe"], row["sharpe_ci_low"], row["notes"]) == (1.5, None, [TWO_SEEDS])


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
