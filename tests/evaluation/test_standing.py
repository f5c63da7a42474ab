from dataclasses import replace

import numpy as np
import pytest

from grandmodel.evaluation.statistics.standing import (
    configuration_returns,
    standing_of,
    standing_record,
    trial_moments,
)
from grandmodel.evaluation.trials.ledger import Ledger, Trial, moments

RNG = np.random.default_rng(0)
CLOSES = np.arange(300)
OWN = Trial("own", "bars", "test", 0)


def noise(mean=0.0, sessions=300):
    return RNG.normal(mean, 0.01, sessions)


@pytest.fixture
def ledger(tmp_path):
    """Two seeds of nine configurations, another split, other bars, and an environment."""
    found = Ledger(tmp_path / "ledger.jsonl")
    for number in range(9):
        for seed in range(2):
            trial = Trial(f"c{number}", "bars", "test", seed)
            found.append("evaluate", trial, noise(), close_time_ns=CLOSES, run="r")
    for change in ({"split": "validation"}, {"data": "other"}):
        found.append("train", replace(OWN, **change), noise(), close_time_ns=CLOSES, run="r")
    short = Trial("short", "bars", "test", 0)
    found.append("evaluate", short, noise(sessions=9), close_time_ns=CLOSES[:9], run="r")
    empty = replace(OWN, config="environment")
    found.append("environment", empty, np.zeros(0), close_time_ns=CLOSES[:0], run="r")
    return found


def test_all_trials_on_the_bars_count_once(ledger):
    own = moments(noise())
    found = trial_moments(ledger.read(), OWN, own)
    assert len(found) == 18 + 1 + 1 + 1
    assert found.count(own) == 1
    ledger.append("evaluate", OWN, noise(), close_time_ns=CLOSES, run="r")
    assert len(trial_moments(ledger.read(), OWN, own)) == len(found)


def test_seeds_of_a_configuration_are_averaged(ledger):
    own = noise()
    net = configuration_returns(ledger.read(), OWN, (CLOSES, own), ledger.returns)
    assert net.shape == (300, 10)
    np.testing.assert_array_equal(net[:, 0], own)
    both = [ledger.returns(Trial("c0", "bars", "test", seed).key)[1] for seed in (0, 1)]
    np.testing.assert_array_equal(net[:, 1], np.mean(both, axis=0))


def test_returns_that_are_gone_leave_a_configuration_out(ledger):
    for seed in (0, 1):
        name = Trial("c0", "bars", "test", seed).key
        (ledger.path.parent / "ledger_returns" / f"{name}.npz").unlink()
    net = configuration_returns(ledger.read(), OWN, (CLOSES, noise()), ledger.returns)
    assert net.shape == (300, 9)


def test_overfitting_is_told_from_eight_configurations_on(ledger):
    own = noise(0.003)
    net = configuration_returns(ledger.read(), OWN, (CLOSES, own), ledger.returns)
    trials = trial_moments(ledger.read(), OWN, moments(own))
    few, enough = (
        standing_of(trials, net[:, :n], own, np.zeros(300), block=10, draws=200, seed=0)
        for n in (7, 8)
    )
    assert few.overfitting is None
    assert few.superior_p is None
    assert enough.overfitting < 0.2
    assert enough.superior_p < 0.05
    record = standing_record(enough, 252.0)
    assert record["trials"] == 21
    rest = record["standing"]
    assert rest["lucky_sharpe"] == pytest.approx(enough.deflation.lucky_sharpe * 252**0.5)
    assert record["deflated_sharpe"] < rest["probabilistic_sharpe"]
    assert record["pbo"] == enough.overfitting


def test_bootstraps_and_stress_count_as_trials_and_are_no_seeds(ledger):
    before = len(trial_moments(ledger.read(), OWN, moments(noise())))
    for number in range(3):
        drawn = Trial("c0", f"drawn{number}", "test", 0)
        ledger.append("evaluate", drawn, noise(), close_time_ns=CLOSES, run="r", origin="bars")
    assert len(trial_moments(ledger.read(), OWN, moments(noise()))) == before + 3
    assert ledger.read().trials("bars") == before + 3  # the environment's, and not yet OWN
    net = configuration_returns(ledger.read(), OWN, (CLOSES, noise()), ledger.returns)
    assert net.shape == (300, 10)


def test_a_line_without_moments_is_damaged_and_stops_nothing(ledger):
    before = len(trial_moments(ledger.read(), OWN, moments(noise())))
    *others, last = ledger.path.read_text().splitlines()
    cut = [others[0].replace('"mean"', '"other"'), *others[1:], last]
    ledger.path.write_text("\n".join(cut) + "\n")
    assert ledger.read().damaged == (1,)
    assert len(trial_moments(ledger.read(), OWN, moments(noise()))) == before - 1


def test_seeds_judged_together_count_once(ledger):
    """Nine configurations of two seeds: two of them joined are two trials fewer."""
    own, read = noise(), ledger.read()
    apart = trial_moments(read, OWN, moments(own))
    joined = {"c0": (0, 1), "c1": (0, 1), "c2": (0, 7)}
    assert len(trial_moments(read, OWN, moments(own), joined)) == len(apart) - 2
    judged = Trial("c0", "bars", "test", 1)
    found = trial_moments(read, judged, moments(own), joined)
    assert len(found) == len(apart) - 1 - 2  # without OWN, which the ledger does not hold
    assert found.count(moments(own)) == 1
    for seed in (0, 1):
        trial = Trial("c0", "bars", "validation", seed)
        ledger.append("train", trial, noise(), close_time_ns=CLOSES, run="r")
    read = ledger.read()
    assert len(trial_moments(read, judged, moments(own), joined)) == len(found) + 1
    assert len(trial_moments(read, judged, moments(own))) == len(found) + 2 + 2


def test_a_mean_over_seeds_is_not_averaged_with_them_again(ledger):
    own, judged = noise(), Trial("c0", "bars", "test", 0)
    given = (ledger.read(), judged, (CLOSES, own), ledger.returns)
    joined = configuration_returns(*given, {"c0": (0, 1)})
    np.testing.assert_array_equal(joined[:, 0], own)
    assert joined.shape == (300, 9)
    other = ledger.returns(Trial("c0", "bars", "test", 1).key)[1]
    np.testing.assert_array_equal(configuration_returns(*given)[:, 0], (own + other) / 2)
