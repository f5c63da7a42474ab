"""Money to the cent: worked by hand, by identities, and against a slow account."""

import pytest
import torch
from env_worlds import PLAIN, doubles, hand_tape, random_tape, run, segment_env
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.market.instruments import Instrument

FOUR_BARS = [
    [100.0, 101.0, 99.0, 100.0],
    [101.0, 104.0, 100.0, 103.0],  # first fill at 101
    [102.0, 105.0, 98.0, 99.0],  # second fill at 102
    [100.0, 100.0, 95.0, 96.0],
    [95.0, 97.0, 94.0, 95.0],
    [96.0, 97.0, 95.0, 96.0],
]


def test_a_long_trade_by_hand():
    # 100 000 / (101 x 2) = 495.0495 units; fee 1 bp of 100 000 = 10.00
    # bar 1: 495.0495 x 2 x (103 - 101) = 1 980.20; equity 101 970.20
    # bar 2: sold at 102: 495.0495 x 2 x (102 - 103) = -990.10, fee 1e-4 x 495.0495 x 204 = 10.10
    first, second, third = run(segment_env(hand_tape(FOUR_BARS)), [1, 0, 0])
    assert first.pnl_gross.item() == pytest.approx(1980.20, abs=0.005)
    assert first.cost.item() == pytest.approx(10.00, abs=0.005)
    assert first.equity.item() == pytest.approx(101_970.20, abs=0.005)
    assert second.pnl_gross.item() == pytest.approx(-990.10, abs=0.005)
    assert second.cost.item() == pytest.approx(10.10, abs=0.005)
    assert second.equity.item() == pytest.approx(100_970.00, abs=0.005)
    assert third.equity.item() == second.equity.item()
    assert [r.executed.item() for r in (first, second, third)] == [1, 0, 0]


def test_a_flip_by_hand():
    # long 495.0495 at 101, flipped at 102 to short 100 000 / 204 = 490.1961 (equity at the
    # session's start still 100 000): traded 985.2456, fee 1e-4 x 985.2456 x 204 = 20.10
    # bar 2: -990.10 for the gap, 490.1961 x 2 x (102 - 99) = 2 941.18 for the short
    _, flip, out = run(segment_env(hand_tape(FOUR_BARS)), [1, -1, 0])
    assert flip.cost.item() == pytest.approx(20.10, abs=0.005)
    assert flip.pnl_gross.item() == pytest.approx(-990.10 + 2941.18, abs=0.006)
    assert flip.equity.item() == pytest.approx(103_901.18, abs=0.006)
    assert flip.observation.bars_held.item() == 1
    # bought back at 100: 490.1961 x 2 x (99 - 100) = -980.39, fee 9.80
    assert out.equity.item() == pytest.approx(102_910.98, abs=0.005)


def test_costs_in_ticks_widen_with_the_spread():
    instrument = Instrument(
        name="es",
        tick=0.25,
        multiplier=50.0,
        commission=2.25,
        half_spread_ticks=0.5,
        slippage_ticks=0.25,
    )
    tape = hand_tape(FOUR_BARS, instrument, spread_multiplier=doubles([1, 1, 4, 1, 1, 1]))
    env = segment_env(tape, size="contracts", contracts=3.0)
    first, second = run(env, [1, -1])
    # 3 x (2.25 + (0.5 + 0.25) x 0.25 x 50 = 9.375) and 6 x (2.25 + (2 + 0.25) x 12.5 = 28.125)
    assert first.cost.item() == pytest.approx(34.875)
    assert second.cost.item() == pytest.approx(182.25)


def test_cost_scale_is_a_factor_on_costs():
    env = segment_env(hand_tape(FOUR_BARS))
    env.cost_scale = 0.25
    result = env.step(torch.ones(1, dtype=torch.int64))
    assert result.cost.item() == pytest.approx(2.5)
    assert result.pnl_gross.item() == pytest.approx(1980.20, abs=0.005)
    assert result.equity.item() == pytest.approx(101_977.70, abs=0.005)


def test_contracts_are_refused_where_the_margin_exceeds_the_equity():
    # 100 000 of equity carries 1 000 000 of notional at 10 %: 4 950.5 units at 101 x 2
    tape = hand_tape(FOUR_BARS)
    (refused,) = run(segment_env(tape, size="contracts", contracts=4951.0), [1])
    (taken,) = run(segment_env(tape, size="contracts", contracts=4950.0), [1])
    assert refused.executed.item() == 0
    assert refused.cost.item() == 0.0
    assert taken.executed.item() == 1


def test_a_flip_that_is_refused_still_closes_the_old_position():
    # long 4 999 at 100 needs 99 980; at 99 the equity is 89 902 and 98 980 are asked for
    tape = hand_tape([[100.0] * 4, [100.0] * 4, [99.0] * 4, [99.0] * 4])
    env = segment_env(tape, size="contracts", contracts=4999.0)
    first, second = run(env, [1, -1])
    assert first.executed.item() == 1
    assert second.executed.item() == 0
    assert second.cost.item() > 0.0


def test_a_short_is_liquidated_at_the_margin_level():
    # short 10 000 / (100 x 2) x 9 = 450 contracts of 200 = 90 000 on 10 000 of equity
    bars = [[100.0] * 4, [100.0] * 4, [101.0, 104.0, 100.0, 102.0], [102.0] * 4, [102.0] * 4]
    instrument = Instrument(name="x", tick=0.5, multiplier=2.0, half_spread_ticks=1.0)
    env = segment_env(
        hand_tape(bars, instrument), size="contracts", contracts=450.0, capital=10_000.0
    )
    first, second, third = run(env, [-1, -1, 0])
    assert first.equity.item() == pytest.approx(10_000 - 450 * 1.0)  # half spread 1 tick x 2
    # cash 99 550 carries 450 units up to 99 550 / (900 x 1.08) = 102.4177
    # filled there, plus half spread (0.5 x 2) and a tick (0.5 x 2) per unit: 900
    level = 99_550 / (900 * 1.08)
    assert second.liquidated.item()
    assert second.executed.item() == -1
    assert second.equity.item() == pytest.approx(99_550 - 900 * level - 900, abs=0.005)
    assert second.cost.item() == pytest.approx(900.0)
    assert second.observation.position.item() == 0
    assert third.equity.item() == second.equity.item()


def test_a_gap_beyond_the_margin_level_fills_at_the_open():
    bars = [[100.0] * 4, [100.0] * 4, [80.0, 95.0, 79.0, 94.0], [94.0] * 4]
    instrument = Instrument(name="x", tick=0.5, multiplier=1.0)
    env = segment_env(hand_tape(bars, instrument), size="contracts", contracts=400.0, capital=1e4)
    _, second = run(env, [1, 1])
    assert second.liquidated.item()
    assert second.equity.item() == pytest.approx(10_000 - 400 * 20 - 400 * 0.5)


def test_a_lost_account_ends_and_stays_as_it_is():
    bars = [[100.0] * 4, [100.0] * 4, [70.0, 70.0, 60.0, 65.0], [65.0] * 4, [65.0] * 4, [65.0] * 4]
    env = segment_env(hand_tape(bars), size="contracts", contracts=450.0, capital=1e4)
    results = run(env, [1, 1, 1, 1])
    assert [r.terminated.item() for r in results] == [False, True, False, False]
    assert [r.truncated.item() for r in results] == [False] * 4
    assert results[1].equity.item() < 0.0
    assert results[3].equity.item() == results[1].equity.item()
    assert results[3].cost.item() == 0.0
    assert not env.active.item()


def test_session_edge_flat_neither_opens_nor_keeps_at_the_end():
    session = [0, 0, 0, 0, 1, 1, 1, 1, 1]
    env = segment_env(hand_tape([[100.0] * 4] * 9, session=session), edge="flat")
    results = run(env, [1, 1, 1, 1, 1, 1, 0, 0])
    # rows 1..8: flat over row 3 (last of its session), reopened at row 4
    assert [r.executed.item() for r in results] == [1, 1, 0, 1, 1, 1, 0, 0]


def test_session_edge_carry_refuses_entries_over_long_breaks_only():
    session = [0, 0, 1, 1, 2, 2, 2]
    hours = doubles([0, 60.0, 0, 16.0, 0, 0, 0])
    tape = hand_tape([[100.0] * 4] * 7, session=session, break_ahead_hours=hours)
    results = run(segment_env(tape), [0, 1, 0, 1, 1])
    assert [r.executed.item() for r in results] == [0, 0, 0, 1, 1]
    results = run(segment_env(tape), [1, 1, 1])  # a position is carried over
    assert [r.executed.item() for r in results] == [1, 1, 1]
    results = run(segment_env(tape), [1, -1, -1])  # a reversal becomes an exit
    assert [r.executed.item() for r in results] == [1, 0, -1]


def test_longest_holding_time():
    env = segment_env(hand_tape([[100.0] * 4] * 9), max_hold_bars=3)
    results = run(env, [1] * 7)
    assert [r.executed.item() for r in results] == [1, 1, 1, 0, 1, 1, 1]
    assert [r.observation.bars_held.item() for r in results] == [1, 2, 3, 0, 1, 2, 3]


def test_long_only_turns_shorts_flat():
    instrument = Instrument(name="spot", long_only=True)
    results = run(segment_env(hand_tape(FOUR_BARS, instrument)), [-1, 1, -1])
    assert [r.executed.item() for r in results] == [0, 1, 0]


def test_size_follows_the_equity_at_the_start_of_the_session():
    tape = hand_tape(FOUR_BARS, session=[0, 0, 1, 1, 1, 1])
    _, second = run(segment_env(tape), [1, -1])
    # second fill: 101 970.20 / 204 short; traded 495.0495 + 499.854
    assert second.cost.item() == pytest.approx(1e-4 * (495.0495 + 499.8539) * 204, abs=0.005)


def test_size_by_volatility():
    tape = hand_tape(FOUR_BARS * 20, PLAIN)
    instrument = Instrument(name="v", sessions_per_year=100.0)
    tape = hand_tape(FOUR_BARS * 20, instrument, session=[bar // 4 for bar in range(120)])
    (first,) = run(segment_env(tape, size="vol_target", capital=101.0), [1])
    # 10 % / (0.001 x sqrt(4 x 100)) = 5 x equity: 5 units at 101, up 2 at the close
    assert first.equity.item() == pytest.approx(101.0 + 5 * 2.0)
    (capped,) = run(segment_env(tape, size="vol_target", capital=101.0, vol_target=1.0), [1])
    assert capped.equity.item() == pytest.approx(101.0 + 10 * 2.0)  # initial margin 10 %


@settings(max_examples=20, deadline=None)
@given(
    targets=st.lists(st.integers(-1, 1), min_size=5, max_size=40),
    fee=st.floats(0.0, 5.0),
    factor=st.sampled_from([0.5, 4.0]),
)
def test_identities(targets, fee, factor):
    instrument = Instrument(name="i", multiplier=3.0, fee_bps=fee)
    tape = random_tape(60, 1, instrument, columns=False)
    env, paid, start = segment_env(tape), 0.0, 100_000.0
    for target in targets:
        result = env.step(torch.tensor([target]))
        state = env._account.state
        value = state.quantity * (tape.close[env.bar] * 3.0)
        assert torch.equal(result.equity, state.cash + value)
        paid += result.cost.item()
        start += (result.pnl_gross - result.cost).item()
        assert result.equity.item() == pytest.approx(start, abs=1e-6)
    free = segment_env(random_tape(60, 1, Instrument(name="i", multiplier=3.0), columns=False))
    gross = run(free, targets)[-1].equity.item()
    assert result.equity.item() <= gross + 1e-9  # fees never help
    # Prices and cash times a factor: equity times the factor, in powers of two to the bit.
    scaled = hand_tape(
        (torch.stack([tape.open, tape.high, tape.low, tape.close], 1) * factor).tolist(),
        instrument,
        tape.session.tolist(),
        break_ahead_hours=tape.break_ahead_hours,
        spread_multiplier=tape.spread_multiplier,
    )
    last = run(segment_env(scaled, capital=100_000.0 * factor), targets)[-1]
    assert last.equity.item() == result.equity.item() * factor


def test_a_round_trip_at_one_price_loses_exactly_its_costs():
    results = run(segment_env(hand_tape([[100.0] * 4] * 6)), [1, 1, 0, 0])
    assert results[-1].equity.item() == pytest.approx(100_000 - 20.0, abs=1e-9)
    assert sum(r.cost.item() for r in results) == pytest.approx(20.0, abs=1e-9)
