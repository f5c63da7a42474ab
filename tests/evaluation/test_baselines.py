"""Baselines: closed forms, tuning, and random trades that keep the policy's habits."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import fake_tape, halves
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.shuffle import run_lengths, shuffle_runs
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.accounts.trades import round_trips
from grandmodel.evaluation.rivals.baselines import (
    FOREVER,
    draw_positions,
    flat,
    long_only,
    ma_cross,
    ma_pairs,
    random_trades,
)
from grandmodel.evaluation.rivals.vol_target import vol_target


def runs_of(positions):
    states, lengths = run_lengths(np.asarray(positions, np.int8))
    return sorted(zip(states.tolist(), lengths.tolist(), strict=True))


def wandering(rng, count, change=0.1):
    drawn = rng.integers(-1, 2, count)
    for i in np.flatnonzero(rng.random(count) > change):
        drawn[i] = drawn[i - 1] if i else 0
    return drawn.astype(np.int8)


def test_flat_keeps_the_capital():
    tape = fake_tape(300)
    track = flat(tape, halves(tape), EnvConfig()).track
    assert (track.equity == 100_000.0).all()
    assert not track.position.any()


def test_long_only_has_its_closed_form_and_no_age_limit():
    tape = fake_tape(300, fee_bps=10.0)
    segment = Segment(5, 200)
    track = long_only(tape, [segment], EnvConfig(max_hold_bars=10)).track
    opens = tape.open.numpy()
    grown = opens[199] / opens[6]  # bought at open 6, sold at open 199
    fees = 1e-3 * (1 + grown)
    assert track.equity[-1] == pytest.approx(100_000 * (grown - fees))
    assert (track.position[:-1] == 1).all()


def test_who_holds_by_design_has_no_stop_and_no_target():
    tape = fake_tape(600)
    bracketed = EnvConfig(stop_atr=2.0, target_atr=3.0)
    for made in (long_only, vol_target):
        held, plain = (made(tape, halves(tape), env).track for env in (bracketed, EnvConfig()))
        np.testing.assert_array_equal(held.equity, plain.equity)


def test_random_trades_make_as_many_trips_as_a_policy_with_stops():
    """Its exits are in its positions: played through its stops again, runs would break apart."""
    tape = fake_tape(2_000)
    env = EnvConfig(stop_atr=1.0, target_atr=1.5, edge="flat")
    desk = Desk(tape, [Segment(0, 2_000)], env, max_hold_bars=FOREVER)
    wanted = wandering(np.random.default_rng(0), len(desk), change=0.05)
    stopped = desk.track(wanted).ended != 0
    for row in np.flatnonzero(stopped):  # after a stop flat until the next change
        later = np.flatnonzero(wanted[row + 1 :] != wanted[row])
        wanted[row + 1 : row + 1 + (later[0] if len(later) else len(wanted))] = 0
    policy = desk.track(wanted)
    own = float(desk.sharpe(wanted[None])[0])
    drawn = random_trades(tape, policy, own, env, seed=0, draws=64)
    market = Market.of(tape)
    trips, others = (len(round_trips(it, market)) for it in (policy, drawn.median))
    assert abs(others - trips) <= 0.1 * trips


def test_ma_cross_takes_the_pair_that_was_best_where_it_was_tuned():
    tape = fake_tape(3_000, paths=2)
    trend = np.repeat(np.sign(np.random.default_rng(1).normal(size=60)), 100) * 3e-3
    close = tape.close.numpy() * np.exp(np.cumsum(trend))
    opens = np.concatenate([close[:1], close[:-1]])
    price = {"close": close, "open": opens, "high": np.maximum(opens, close)}
    price["low"] = np.minimum(opens, close)
    tape = replace(tape, **{key: torch.tensor(value) for key, value in price.items()})
    tuned_on, judged = [Segment(600, 3_000, path=0)], [Segment(3_600, 6_000, path=1)]
    baseline = ma_cross(tape, tuned_on, judged, EnvConfig())
    assert (baseline.setting["fast_bars"], baseline.setting["slow_bars"]) in ma_pairs()
    assert baseline.setting["tried"] == len(ma_pairs())
    assert baseline.setting["sharpe_where_tuned"] > 1.0
    assert baseline.track.equity[-1] > 100_000
    pair = (baseline.setting["fast_bars"], baseline.setting["slow_bars"])
    given = ma_cross(tape, [], judged, EnvConfig(), pair=pair)
    np.testing.assert_array_equal(given.track.equity, baseline.track.equity)
    other = replace(tape, close=tape.close.clone())
    other.close[3_000:] = tape.close[3_000:].flip(0)  # what is judged has no say in the choice
    assert ma_cross(other, tuned_on, judged, EnvConfig()).setting == baseline.setting


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_shuffles_keep_every_run(seed):
    rng = np.random.default_rng(seed)
    positions = wandering(rng, int(rng.integers(1, 80)), rng.uniform(0.05, 1.0))
    states, lengths = run_lengths(positions)
    out = np.zeros(len(positions), np.int8)
    shuffle_runs(states, lengths, rng.random(2 * len(states)), out)
    assert runs_of(out) == runs_of(positions)


def test_every_arrangement_of_equal_runs_is_drawn():
    positions = np.array([1, 0, -1, 0, 1], np.int8)
    states, lengths = run_lengths(positions)
    rng, seen = np.random.default_rng(0), {}
    for _ in range(600):
        out = np.zeros(5, np.int8)
        shuffle_runs(states, lengths, rng.random(10), out)
        seen[tuple(out.tolist())] = seen.get(tuple(out.tolist()), 0) + 1
    # all orders of {1, 1, -1, 0, 0} without equal neighbours
    assert len(seen) == 12
    assert min(seen.values()) > 10


@pytest.mark.parametrize("edge", ["carry", "flat"])
def test_draws_keep_shares_and_holding_times_in_each_segment(edge):
    tape = fake_tape(46 * 40, edge=edge)
    segments = halves(tape)
    env = EnvConfig()
    desk = Desk(tape, segments, env)
    policy = desk.track(wandering(np.random.default_rng(2), len(desk)))
    draws = draw_positions(desk, policy, np.random.default_rng(3), 8, edge == "flat")
    assert len({draw.tobytes() for draw in draws}) == 8
    free = Desk(tape, segments, env, max_hold_bars=FOREVER)
    for draw in draws:
        told = free.track(draw)
        np.testing.assert_array_equal(told.position, draw)  # no limit changes a draw
        for k in range(len(segments)):
            rows = desk.rows_of(k)
            assert (
                runs_of(draw[rows.start : rows.stop - 1])
                == runs_of(policy.position[rows.start : rows.stop - 1])
                or edge == "flat"
            )
            for state in (-1, 0, 1):
                assert (draw[rows] == state).sum() == (policy.position[rows] == state).sum()
        if edge == "flat":
            ends = tape.edge_ahead.numpy()[desk.bar]
            assert not draw[ends].any()


def test_rank_of_skill_and_of_none():
    tape = fake_tape(46 * 60)
    env = EnvConfig()
    segments = halves(tape)
    desk = Desk(tape, segments, env)
    ahead = np.sign(np.roll(tape.close.numpy(), -20) - tape.close.numpy())
    clairvoyant = desk.track(desk.at_rows(ahead).astype(np.int8))
    skill = float(desk.sharpe(clairvoyant.position[None])[0])
    ranked = random_trades(tape, clairvoyant, skill, env, seed=0, draws=150)
    assert ranked.p_value == pytest.approx(1 / 151)
    assert len(ranked.sharpe) == 150
    middle = float(desk.sharpe(ranked.median.position[None])[0])
    assert abs(middle - np.median(ranked.sharpe)) < 0.1 * ranked.sharpe.std()
    again = random_trades(tape, clairvoyant, skill, env, seed=0, draws=150)
    np.testing.assert_array_equal(again.sharpe, ranked.sharpe)
    worst = random_trades(tape, clairvoyant, -99.0, env, seed=0, draws=20)
    assert worst.p_value == 1.0


def test_p_values_of_unskilled_policies_are_uniform():
    tape = fake_tape(46 * 40, fee_bps=1.0)
    env, segments = EnvConfig(), halves(tape)
    desk = Desk(tape, segments, env)
    rng = np.random.default_rng(5)
    values = []
    for _ in range(40):
        policy = desk.track(wandering(rng, len(desk)))
        sharpe = float(desk.sharpe(policy.position[None])[0])
        values.append(random_trades(tape, policy, sharpe, env, seed=1, draws=64).p_value)
    assert 0.3 < np.mean(values) < 0.7
    assert np.mean(np.array(values) < 0.1) < 0.3
