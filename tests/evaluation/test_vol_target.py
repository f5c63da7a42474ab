"""Long at one volatility: the estimate, its timing, and an account told by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fakes import fake_tape, halves

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import Desk
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.rivals.baselines import long_only
from grandmodel.evaluation.rivals.vol_target import (
    LEAST_SESSIONS,
    MOST_WEIGHT,
    RATE,
    target_weights,
    vol_target,
)

PER_SESSION = 46
YEAR = 252
CARRY, FLAT = EnvConfig(edge="carry"), EnvConfig(edge="flat")


def gappy_tape(bars=1_500, **settings):
    """A fake tape whose sessions open away from the last close."""
    tape = fake_tape(bars, **settings)
    session = tape.session.numpy()
    jump = np.random.default_rng(5).normal(0.0, 5e-3, session.max() + 1)[session]
    begins = np.diff(session, prepend=session[0]) != 0
    opens = np.where(begins, tape.open.numpy() * (1.0 + jump), tape.open.numpy())
    high, low = np.maximum(opens, tape.high.numpy()), np.minimum(opens, tape.low.numpy())
    columns = {"open": opens, "high": high, "low": low}
    return replace(tape, **{key: tape.close.new_tensor(v) for key, v in columns.items()})


def by_pandas(tape, over_breaks):
    """Yearly volatility before each session of one path, by another library's moving average."""
    bars = pd.DataFrame({"open": tape.open.numpy(), "close": tape.close.numpy()})
    sessions = bars.groupby(tape.session.numpy()).agg({"open": "first", "close": "last"})
    begin = sessions.close.shift().fillna(sessions.open) if over_breaks else sessions.open
    square = (sessions.close / begin - 1.0) ** 2
    mean = square.ewm(alpha=RATE, adjust=True).mean().shift()
    mean[:LEAST_SESSIONS] = np.nan
    return (np.sqrt(mean) * np.sqrt(YEAR)).to_numpy()


@pytest.mark.parametrize("env", [CARRY, FLAT])
def test_the_weight_is_target_over_the_volatility_of_earlier_sessions(env):
    tape = gappy_tape(sd=2e-3, edge=env.edge)
    weights = target_weights(tape, env)
    expected = 0.10 / by_pandas(tape, env.edge == "carry")
    np.testing.assert_allclose(weights[::PER_SESSION], np.nan_to_num(expected), rtol=1e-12)
    assert (weights.reshape(-1)[: PER_SESSION * LEAST_SESSIONS] == 0.0).all()
    by_session = pd.Series(weights).groupby(tape.session.numpy()).nunique()
    assert (by_session == 1).all()


def test_quiet_bars_are_held_at_the_largest_weight_that_the_margin_allows():
    calm = fake_tape(1_500, sd=1e-5)
    assert target_weights(calm, CARRY).max() == MOST_WEIGHT
    dear = replace(calm, instrument=replace(calm.instrument, initial_margin=0.8))
    assert target_weights(dear, CARRY).max() == pytest.approx(1.25)
    low = replace(CARRY, vol_target=1e-4)
    assert target_weights(calm, low).max() < MOST_WEIGHT


def test_the_future_and_other_paths_have_no_say():
    tape = fake_tape(1_500, paths=2)
    changed = replace(tape, close=tape.close.clone(), open=tape.open.clone())
    changed.close[700:] *= 1.01 + 0.01 * changed.close[700:].sin()
    cut = PER_SESSION * (700 // PER_SESSION + 1)
    before, after = target_weights(tape, CARRY), target_weights(changed, CARRY)
    np.testing.assert_array_equal(before[:cut], after[:cut])
    assert (before[cut:1_500] != after[cut:1_500]).any()
    second = {name: getattr(tape, name)[1_500:] for name in ("open", "close", "session", "path")}
    np.testing.assert_array_equal(target_weights(replace(tape, **second), CARRY), before[1_500:])


def by_hand(tape, weights, segment, fee):
    """Equity by row: bought at the second open, weight changed once a session, sold at the end."""
    opens, closes, session = tape.open.numpy(), tape.close.numpy(), tape.session.numpy()
    cash, units, base, equity = 100_000.0, 0.0, 100_000.0, []
    for t in range(segment.start, segment.stop - 1):
        if session[t + 1] != session[t]:
            base = equity[-1] if equity else cash
        wanted = units
        first, last = t == segment.start, t == segment.stop - 2
        if first or weights[t] != weights[t - 1]:
            wanted = base * weights[t] / opens[t + 1]
        wanted = 0.0 if last else wanted
        cash -= (wanted - units) * opens[t + 1] + abs(wanted - units) * opens[t + 1] * fee
        units = wanted
        equity.append(cash + units * closes[t + 1])
    return np.array(equity)


def test_the_account_is_the_one_told_by_hand():
    tape = gappy_tape(sd=2e-3, fee_bps=10.0)
    segment = Segment(600, 1_400)
    found = vol_target(tape, [segment], CARRY)
    expected = by_hand(tape, target_weights(tape, CARRY), segment, 1e-3)
    np.testing.assert_allclose(found.track.equity, expected, rtol=1e-12)
    track = found.track
    np.testing.assert_allclose(
        np.diff(track.equity, prepend=100_000.0), track.pnl_gross - track.cost, atol=1e-7
    )
    changes = np.count_nonzero(np.diff(track.quantity))
    assert changes > 10  # about one a session
    measured = measure(track, Market.of(tape), YEAR)
    assert measured.scalars["trades"] == 1
    assert measured.trips.pnl_gross.sum() == pytest.approx(track.pnl_gross.sum())
    assert measured.trips.cost.sum() == pytest.approx(track.cost.sum())
    assert found.setting["target"] == 0.10


def test_constant_weights_are_long_only():
    tape = fake_tape(1_500)
    plain = long_only(tape, halves(tape), CARRY).track
    desk = Desk(tape, halves(tape), CARRY, max_hold_bars=0, weights=np.ones(len(tape)))
    weighted = desk.track(np.ones(len(desk), np.int8))
    np.testing.assert_allclose(weighted.equity, plain.equity, rtol=1e-13)
    np.testing.assert_allclose(
        desk.sharpe(np.ones((1, len(desk)), np.int8)),
        Desk(tape, halves(tape), CARRY, max_hold_bars=0).sharpe(np.ones((1, len(desk)), np.int8)),
    )


def test_it_is_steadier_than_long_only_where_volatility_moves():
    tape = fake_tape(20_000, sd=1.0e-3)
    loud = np.where(np.arange(20_000) > 10_000, 4.0, 1.0)
    steps = np.diff(np.log(tape.close.numpy()), prepend=np.log(100.0)) * loud
    close = 100.0 * np.exp(np.cumsum(steps))
    opens = np.concatenate([[100.0], close[:-1]])
    columns = {"close": close, "open": opens, "high": np.maximum(opens, close)}
    columns["low"] = np.minimum(opens, close)
    tape = replace(tape, **{k: tape.close.new_tensor(v) for k, v in columns.items()})

    def spread(track):
        net = measure(track, Market.of(tape), YEAR).sessions.net
        calm, wild = np.array_split(net, 2)
        return wild.std() / calm.std()

    segment = [Segment(600, 20_000)]
    assert spread(long_only(tape, segment, CARRY).track) > 3.0
    assert 0.7 < spread(vol_target(tape, segment, CARRY).track) < 1.5


def test_no_session_edge_is_crossed_where_sessions_end_flat():
    tape = fake_tape(1_500, edge="flat")
    track = vol_target(tape, [Segment(600, 1_400)], FLAT).track
    last = track.bar + 1 == len(tape) - 1
    ends = np.diff(track.session, append=track.session[-1]) != 0
    assert not track.position[ends & ~last].any()
    assert track.position.mean() > 0.9
