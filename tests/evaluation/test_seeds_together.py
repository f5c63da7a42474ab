"""Seeds judged as one account: what equal seeds, differing seeds and unlike seeds come to."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from grandmodel.evaluation.seeds_together import JudgedSeed, judge_together, why_apart
from grandmodel.evaluation.statistics.intervals import sharpe_of_nets
from grandmodel.evaluation.trials.ledger import Ledger, Trial

PER_YEAR, SESSIONS = 252.0, 300
CLOSES = np.arange(SESSIONS, dtype=np.int64) * 86_400_000_000_000
SETTINGS = {"draws": 200, "seed": 0}


def nets(number: int, mean: float = 0.002) -> np.ndarray:
    return np.random.default_rng(number).normal(mean, 0.01, SESSIONS)


def judged(net: np.ndarray, seed: int, *, p: float | None = 0.01, trips: int = 200) -> JudgedSeed:
    sessions = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(CLOSES, utc=True),
            "path": 0,
            "net": net,
            "one_decision_late": 0.8 * net,
            "twice_the_costs": net - 0.0005,
            **{name: nets(90 + at, 0.0) for at, name in enumerate(("long_only", "vol_target"))},
            "ma_cross": nets(95, 0.0),
        }
    )
    baselines = {
        name: {"block_sessions": 10} for name in ("long_only", "vol_target", "ma_cross")
    } | ({} if p is None else {"random": {"p_value": p}})
    metrics = {
        "sessions_per_year": PER_YEAR,
        "block_sessions": 12,
        "round_trips": trips,
        "chosen_here": False,
        "causal": True,
        "baselines": baselines,
        "controls": {
            "costs": [
                {"cost_scale": 1.0, "delay_bars": 1, "net_mean_bp": 9.0},
                {"cost_scale": 2.0, "delay_bars": 0, "net_mean_bp": 1.0 + seed},
            ]
        },
    }
    return JudgedSeed(Trial("c", "bars", "test", seed), "t", metrics, sessions)


@pytest.fixture
def ledger(tmp_path):
    found = Ledger(tmp_path / "ledger.jsonl")
    for seed in (0, 1, 7):
        trial = Trial("c", "bars", "test", seed)
        found.append("evaluate", trial, nets(seed), close_time_ns=CLOSES, run="r", trained="t")
    return found


def told(seeds: list[JudgedSeed], ledger: Ledger, together: set[int]) -> dict:
    return judge_together(seeds, ledger.read(), ledger.returns, {"c": together}, **SETTINGS)


def test_equal_seeds_are_judged_as_one_of_them(ledger) -> None:
    found = told([judged(nets(0), 0), judged(nets(0), 1)], ledger, {0, 1})
    alone = sharpe_of_nets(nets(0)[None], PER_YEAR, block=12, **SETTINGS)
    assert found["sharpe"] == pytest.approx(alone.value)
    assert found["sharpe_ci_low"] == pytest.approx(alone.low)
    assert found["block_sessions"] == 12
    assert found["kept_late"] == pytest.approx(1.0)  # a Sharpe ratio knows no scale
    assert found["dear_mean_bp"] == pytest.approx(1.5)
    assert found["random_p"] == pytest.approx(0.02)  # twice the mean


def test_seeds_that_are_averaged_count_as_one_trial(ledger) -> None:
    seeds = [judged(nets(0), 0), judged(nets(1), 1)]
    assert told(seeds, ledger, {0, 1})["trials"] == 2  # they, and seed 7
    assert told(seeds, ledger, {0, 1, 7})["trials"] == 1


def test_who_leaves_a_judged_seed_out_has_chosen_here(ledger) -> None:
    seeds = [judged(nets(0), 0), judged(nets(1), 1)]
    found = told(seeds, ledger, {0, 1})
    assert (found["verdict"], found["left_out"]) == ("cannot tell", [7])
    assert "left out (7), so which seeds count was chosen here" in found["verdict_reason"]
    whole = told([*seeds, judged(nets(7), 7)], ledger, {0, 1, 7})
    assert whole["left_out"] == []
    assert "left out" not in whole["verdict_reason"]
    elsewhere = Trial("c", "bars", "validation", 9)
    ledger.append("train", elsewhere, nets(9), close_time_ns=CLOSES, run="r", trained="t")
    other = Trial("other", "bars", "test", 9)
    ledger.append("evaluate", other, nets(9), close_time_ns=CLOSES, run="r", trained="another")
    assert told(seeds, ledger, {0, 1})["left_out"] == [7]
    looked_at = Trial("judged with other settings", "bars", "test", 8)
    ledger.append("evaluate", looked_at, nets(8), close_time_ns=CLOSES, run="r", trained="t")
    assert told(seeds, ledger, {0, 1})["left_out"] == [7, 8]


def test_the_mean_is_steadier_than_its_seeds(ledger) -> None:
    found = told([judged(nets(0), 0), judged(nets(1), 1)], ledger, {0, 1})
    mean = (nets(0) + nets(1)) / 2
    assert found["sharpe"] == pytest.approx(mean.mean() / mean.std() * np.sqrt(PER_YEAR))
    benchmark = nets(90, 0.0)
    alone = benchmark.mean() / benchmark.std() * np.sqrt(PER_YEAR)
    difference = found["differences"]["long_only"]["sharpe_difference"]
    assert difference == pytest.approx(found["sharpe"] - alone)


def test_what_one_seed_cannot_tell_their_mean_cannot(ledger) -> None:
    few = told([judged(nets(0), 0, trips=200), judged(nets(1), 1, trips=40)], ledger, {0, 1})
    assert few["round_trips"] == 40
    assert "clause 7: 40 round trips, 100" in few["verdict_reason"]
    halves = pd.Series(np.repeat([0, 1], SESSIONS // 2))
    split = [
        replace(it, sessions=it.sessions.assign(path=halves))
        for it in (judged(nets(0), 0, trips=40), judged(nets(1), 1, trips=40))
    ]
    assert "40 round trips on all 2 paths" in told(split, ledger, {0, 1})["verdict_reason"]
    seeds = [judged(nets(0), 0), judged(nets(1), 1)]
    chosen = replace(seeds[1], metrics={**seeds[1].metrics, "chosen_here": True})
    assert "was chosen on this split" in told([seeds[0], chosen], ledger, {0, 1})["verdict_reason"]
    later = replace(seeds[1], metrics={**seeds[1].metrics, "causal": False})
    assert "non-causal" in told([seeds[0], later], ledger, {0, 1})["verdict_reason"]
    unranked = told([seeds[0], judged(nets(1), 1, p=None)], ledger, {0, 1})
    assert unranked["random_p"] is None


def test_seeds_of_other_bars_settings_or_sessions_stay_apart() -> None:
    one, two = judged(nets(0), 0), judged(nets(1), 1)
    assert why_apart([one, two]) is None
    other = replace(two, trial=replace(two.trial, config="d"))
    assert "other weights" in str(why_apart([one, other]))
    short = replace(two, sessions=two.sessions.iloc[1:].reset_index(drop=True))
    assert why_apart([one, short]) == "the seeds were not judged on the same sessions"
