"""The classifier among the baselines: labels after costs, thresholds, and what is kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import fake_tape

from grandmodel.core.checks import UserError
from grandmodel.core.types import ObservationSpec, Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.rivals import supervised
from grandmodel.evaluation.rivals.supervised import (
    fit_classifier,
    fit_supervised,
    holding_bars,
    load_supervised,
    net_labels,
    run_supervised,
    save_supervised,
)

CARRY, FLAT = EnvConfig(edge="carry", max_hold_bars=20), EnvConfig(edge="flat", max_hold_bars=20)
UNION = ObservationSpec("critic", ("mlmi_value",), ("hour_sin",), window_bars=2)
TRAIN, VALID, TEST = [Segment(600, 3_000)], [Segment(3_000, 4_500)], [Segment(4_500, 6_000)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few small trees: what is tested is not how good they are."""
    fewer = supervised.BOOSTING | {"max_iter": 15, "min_samples_leaf": 40}
    monkeypatch.setattr(supervised, "BOOSTING", fewer)


def by_hand(tape, env, segment, horizon):
    """Labels of one segment, by a loop over decisions."""
    opens, session = tape.open.numpy(), tape.session.numpy()
    fee = tape.instrument.fee_bps * 1e-4
    last = segment.stop - 2
    found = {}
    for t in range(segment.start, last):
        leave = t + horizon
        if env.edge == "flat":
            ends = [u for u in range(t, last) if session[u + 2] != session[u + 1]]
            if ends and ends[0] == t:
                continue
            leave = min([leave, *ends[:1]])
        if leave > last:
            continue
        paid, got = opens[t + 1], opens[leave + 1]
        long = got - paid - fee * (paid + got)
        short = paid - got - fee * (paid + got)
        found[t] = 1 if long > 0 else (-1 if short > 0 else 0)
    return found


@pytest.mark.parametrize("env", [CARRY, FLAT])
def test_labels_are_the_side_that_paid_after_costs(env):
    tape = fake_tape(1_000, sd=2e-3, fee_bps=10.0, edge=env.edge)
    segment = Segment(600, 800)
    desk = Desk(tape, [segment], env)
    rows, labels = net_labels(desk, 7)
    expected = by_hand(tape, env, segment, 7)
    assert dict(zip(desk.bar[rows].tolist(), labels.tolist(), strict=True)) == expected
    assert set(expected.values()) == {-1, 0, 1}


def test_labels_know_nothing_beyond_their_segment():
    tape = fake_tape(1_000)
    first, second = Segment(10, 400), Segment(400, 800)
    desk = Desk(tape, [first, second], CARRY)
    rows, labels = net_labels(desk, 9)
    for k, segment in enumerate((first, second)):
        bars = desk.bar[rows[(rows >= desk.first[k]) & (rows < desk.first[k + 1])]]
        assert bars.max() == segment.stop - 2 - 9
    changed = replace(tape, open=tape.open.clone())
    changed.open[second.stop :] *= 2.0
    changed.open[: first.start + 1] *= 2.0
    again = net_labels(Desk(changed, [first, second], CARRY), 9)
    np.testing.assert_array_equal(again[1], labels)


def test_nobody_is_told_to_sell_what_may_not_be_sold():
    tape = fake_tape(1_000, sd=2e-3, long_only=True)
    labels = net_labels(Desk(tape, [Segment(600, 900)], CARRY), 5)[1]
    assert set(labels.tolist()) == {0, 1}


def telling_tape(seed=0):
    """A tape of which one column says half of the next bar's return."""
    tape = fake_tape(6_000, seed=seed, sd=2e-3, fee_bps=0.5)
    rng = np.random.default_rng(seed + 1)
    told = rng.normal(size=6_000)
    steps = 2e-3 * np.concatenate([[0.0], 0.7 * told[:-1] + 0.7 * rng.normal(size=5_999)])
    close = 100.0 * np.exp(np.cumsum(steps))
    opens = np.concatenate([[100.0], close[:-1]])
    columns = {"close": close, "open": opens, "high": np.maximum(opens, close)}
    columns["low"] = np.minimum(opens, close)
    features = tape.features.clone()
    features[:, tape.columns.index("mlmi_value")] = torch.tensor(told).float()
    prices = {key: tape.close.new_tensor(value) for key, value in columns.items()}
    return replace(tape, features=features, **prices)


def fitted(tape, env=CARRY, **changes):
    settings = {"horizon_bars": 1, "minimum_round_trips": 30, "seed": 0, "sd_floor": 0.0}
    return fit_supervised(tape, UNION, TRAIN, VALID, env, **(settings | changes))


@pytest.fixture(scope="module")
def telling():
    return telling_tape()


def test_it_earns_where_a_column_tells_and_is_kept_to_the_last_bit(telling, tmp_path):
    found = fitted(telling)
    track = run_supervised(found, telling, UNION, TEST, CARRY, sd_floor=0.0)
    assert found.sharpe_where_tuned > 3.0
    assert track.equity[-1] > 110_000.0
    assert load_supervised(tmp_path / "none") is None
    save_supervised(found, tmp_path)
    kept = load_supervised(tmp_path)
    assert kept.setting() == found.setting()
    assert kept.setting()["horizon_bars"] == 1
    again = run_supervised(kept, telling, UNION, TEST, CARRY, sd_floor=0.0)
    np.testing.assert_array_equal(again.equity, track.equity)
    (tmp_path / "model.skops").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"cannot be read; remove the folder"):
        load_supervised(tmp_path)


def test_the_judged_bars_have_no_say(telling):
    later = replace(telling, close=telling.close.clone(), open=telling.open.clone())
    later.close[4_500:] *= 1.5
    later.open[4_501:] *= 1.5
    before = fitted(telling).setting()
    assert fitted(later).setting() == before
    tuned = replace(telling, open=telling.open.clone())
    tuned.open[3_100:4_400] *= 1.0 + 0.02 * tuned.open[3_100:4_400].sin()
    assert fitted(tuned).setting()["sharpe_where_tuned"] != before["sharpe_where_tuned"]


def test_it_never_trades_where_nothing_is_found(telling, tmp_path):
    rare = fitted(telling, minimum_round_trips=10_000)
    assert rare.rule is None
    assert rare.sharpe_where_tuned == 0.0
    track = run_supervised(rare, telling, UNION, TEST, CARRY, sd_floor=0.0)
    assert not track.position.any()
    assert fit_classifier(np.zeros((50, 2), np.float32), np.zeros(50, np.int8), 0) is None
    dear = replace(telling, instrument=replace(telling.instrument, fee_bps=1_000.0))
    silent = fitted(dear)
    assert silent.model is None
    assert silent.rule is None
    save_supervised(silent, tmp_path)
    assert load_supervised(tmp_path) == silent


def test_the_horizon_is_how_long_the_policy_holds():
    assert holding_bars(0.6, 0.1, 96) == 12
    assert holding_bars(1.0, 0.001, 96) == 96
    assert holding_bars(0.2, 1.0, 96) == 1
    assert holding_bars(0.0, 0.0, 78) == 78
    assert holding_bars(None, None, 78) == 78
