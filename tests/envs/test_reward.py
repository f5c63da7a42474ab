"""Rewards: golden figures, terms, scale, and no pay for nothing."""

import pytest
import torch
from env_worlds import SCALE, doubles, hand_tape, random_env, random_tape, run, segment_env

from grandmodel.core.checks import UserError
from grandmodel.core.types import Segment
from grandmodel.envs.action import bars_per_session
from grandmodel.envs.config import STRATEGIC_TERMS, EnvConfig, RewardConfig
from grandmodel.envs.free_reward import (
    free_rewards,
    plain_policies,
    play,
    random_policies,
    reward_follows_money,
)
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import OwnTerm, Reward, measure_scale
from grandmodel.envs.reward_terms import drawdown, momentum, synergy, volatility
from grandmodel.envs.running_scale import RunningScale
from grandmodel.envs.starts import SegmentStarts
from grandmodel.envs.step_facts import RewardScale, StepFacts
from grandmodel.market.instruments import Instrument
from grandmodel.market.splits import WARMUP_BARS

GENERIC = Instrument(
    name="generic", fee_bps=1.0, half_spread_bps=1.0, slippage_bps=0.5, multiplier=1.0
)


def facts(count, **changes):
    values = {
        "pnl": doubles([0.0] * count),
        "full_cost_pnl": doubles([0.0] * count),
        "equity_before": doubles([100_000.0] * count),
        "trailing_sd": doubles([1e-3] * count),
        "position_before": torch.zeros(count, dtype=torch.int64),
        "position": torch.zeros(count, dtype=torch.int64),
        "drawdown_before": doubles([0.0] * count),
        "drawdown": doubles([0.0] * count),
        "signals": {},
        "next_signals": {},
    }
    return StepFacts(**(values | changes))


def test_net_by_hand():
    # 100 / (100 000 x 0.001) = 1; floor 0.0001 where the sd is below it; bound 10
    given = facts(
        4,
        pnl=doubles([100.0, -50.0, 10.0, -5000.0]),
        full_cost_pnl=doubles([50.0, -100.0, 10.0, -5000.0]),
        trailing_sd=doubles([1e-3, 1e-3, 1e-6, 1e-3]),
    )
    reward, net, terms, _ = Reward(RewardConfig(), SCALE)(given)
    assert net.tolist() == [1.0, -0.5, 1.0, -10.0]
    assert reward.tolist() == net.tolist()
    assert terms["clipped"].tolist() == [0, 0, 0, 1]
    assert terms["net_full_cost"].tolist() == [0.5, -1.0, 1.0, -10.0]


def test_the_scale_of_a_step_is_known_at_its_decision():
    tape = random_tape(60)
    env = segment_env(tape)
    before = 100_000.0
    for row, result in enumerate(run(env, [1] * 40)):
        change = result.equity.item() / before - 1.0
        before = result.equity.item()
        want = change / max(float(tape.trailing_sd[row]), SCALE.sd_floor)
        assert result.net.item() == pytest.approx(want, rel=1e-5, abs=1e-6)


def test_net_is_reported_whatever_the_reward_is():
    tape = random_tape(200)
    targets = [1, 1, -1, 0, -1] * 20
    net = run(segment_env(tape), targets)
    text = run(segment_env(tape, reward=RewardConfig(kind="text")), targets)
    assert all(torch.equal(a.net, b.net) for a, b in zip(net, text, strict=True))
    names = {"net", "clipped", "net_full_cost", "pnl", "synergy", "drawdown", "volatility"}
    assert set(text[0].terms) == names
    parts = ("pnl", "synergy", "drawdown", "volatility")
    for result in text:
        assert torch.allclose(result.reward, sum(result.terms[name] for name in parts))


def test_full_cost_net_is_that_of_an_environment_with_full_costs():
    tape = hand_tape([[100.0] * 4] * 8)
    cheap, dear = segment_env(tape), segment_env(tape)
    cheap.cost_scale = 0.0
    results = zip(run(cheap, [1, -1, 0]), run(dear, [1, -1, 0]), strict=True)
    for low, high in results:
        assert low.net.item() == 0.0
        assert low.terms["net_full_cost"].item() == pytest.approx(high.net.item(), rel=1e-3)


def test_text_terms_by_hand():
    signals = {
        "synergy_direction": torch.tensor([1.0, 1.0, 1.0, -1.0, 1.0]),
        "synergy_confidence": torch.tensor([0.5] * 5),
        "raw_volatility_30": torch.tensor([1.0, 2.5, 5.0, 2.5, 9.0]),
        "momentum_20": torch.tensor([0.0] * 5),
    }
    given = facts(
        5,
        position_before=torch.tensor([0, 1, -1, 0, 1]),
        position=torch.tensor([1, 1, 1, 1, 0]),
        drawdown_before=doubles([0.0, 0.02, 0.04, 0.06, 0.03]),
        drawdown=doubles([0.01, 0.04, 0.06, 0.04, 0.05]),
        signals=signals,
        next_signals={"momentum_20": torch.tensor([0.5, -0.5, 0.5, 0.5, 0.5])},
    )
    nothing = doubles([0.0] * 5)
    # Opened; held; reversed; against; closed.
    assert synergy(given, nothing, SCALE).tolist() == [0.5, 0.0, 0.5, 0.0, 0.0]
    # d0 = 0.02: phi(0.04) = 1, phi(0.06) = 4, phi(0.03) = 0.25, phi(0.05) = 2.25
    want = pytest.approx([0.0, -1.0, -3.0, 0.0, -2.0])
    assert drawdown(given, nothing, SCALE).tolist() == want
    assert volatility(given, nothing, SCALE).tolist() == [0.0, -0.5, -3.0, -0.5, 0.0]
    assert momentum(given, nothing, SCALE).tolist() == [0.5, -0.5, 0.5, 0.5, 0.0]
    weights = STRATEGIC_TERMS | {"momentum": 0.1}
    reward, _, terms, _ = Reward(RewardConfig(kind="text", terms=weights), SCALE)(given)
    assert terms["synergy"].tolist() == pytest.approx([0.1, 0, 0.1, 0, 0])
    assert terms["drawdown"].tolist() == pytest.approx([0, -0.3, -0.9, 0, -0.6])
    assert terms["volatility"].tolist() == pytest.approx([0, -0.025, -0.15, -0.025, 0])
    assert reward[2].item() == pytest.approx(0.1 - 0.9 - 0.15 + 0.05)


def test_terms_read_the_decision_row_and_momentum_the_next_one_too():
    tape = random_tape(120)
    env = segment_env(tape, reward=RewardConfig(kind="text", terms={"synergy": 1, "momentum": 1}))
    shown, move = tape.column("synergy_direction"), tape.column("momentum_20").diff()
    for row, result in enumerate(run(env, [1, 1, -1, -1, 0] * 20)):
        side = result.executed.item()
        assert result.terms["momentum"].item() == pytest.approx(move[row].item() * side)
        if result.terms["synergy"].item() != 0.0:
            assert shown[row].item() == side
    assert any(shown[row] != 0 for row in range(100))


def test_text_pnl_is_tanh_on_the_same_scale():
    _, _, terms, _ = Reward(RewardConfig(kind="text", terms={"synergy": 0, "pnl": 1}), SCALE)(
        facts(2, pnl=doubles([100.0, -5000.0]))
    )
    assert terms["pnl"].tolist() == pytest.approx([0.76159416, -1.0])
    assert "synergy" not in terms


def test_text_says_which_column_is_missing():
    with pytest.raises(UserError, match=r"reward\.terms\.synergy needs the column syn"):
        segment_env(random_tape(60, columns=False), reward=RewardConfig(kind="text"))


def charge(facts, change, scale):
    return -facts.position.abs().double()


def test_own_terms_say_what_is_wrong_with_them():
    reward = Reward(RewardConfig(), SCALE, own={"mine": OwnTerm(charge, 1.0, ("nowhere",))})
    starts = SegmentStarts([Segment(0, 60)])
    with pytest.raises(UserError, match=r"reward\.own\.mine needs the column nowhere"):
        MarketEnv(random_tape(60), EnvConfig(), reward, starts=starts, generator=torch.Generator())
    with pytest.raises(UserError, match=r"reward\.own\.net_full_cost must have a name of its own"):
        Reward(RewardConfig(), SCALE, own={"net_full_cost": OwnTerm(charge, 1.0)})
    with pytest.raises(UserError, match=r"reward\.own\.mine\.weight must be a finite number"):
        Reward(RewardConfig(), SCALE, own={"mine": OwnTerm(charge, float("nan"))})


def test_momentum_is_the_move_of_the_scaled_column_until_the_end_of_a_liquidated_bar():
    # bought at 100 with ten times the equity, margin call in the bar: the position still counts
    rows = [[100.0] * 4, [100.0, 100.0, 80.0, 90.0], [90.0] * 4, [90.0] * 4]
    columns = {"columns": ("momentum_20",), "features": torch.tensor([[0.5], [-1.0], [1.0], [0.0]])}
    weights = {"pnl": 1.0, "momentum": 1.0}
    env = segment_env(
        hand_tape(rows, **columns),
        reward=RewardConfig(kind="text", terms=weights),
        size="contracts",
        contracts=5_000.0,
    )
    first, second = run(env, [1, 0])
    assert first.liquidated.item()
    assert first.terms["momentum"].item() == -1.5
    assert second.terms["momentum"].item() == 0.0


def test_scale_comes_from_the_training_stretches_alone():
    tape = hand_tape([[100.0] * 4] * 40, session=[bar // 4 for bar in range(40)])
    tape.trailing_sd[:] = doubles([1e-3] * 15 + [9.0] * 25)
    scale = measure_scale(tape, [range(5, 15)])
    assert scale == RewardScale(pytest.approx(2e-4), pytest.approx(3 * 1e-3 * 2))
    tape.trailing_sd.zero_()
    with pytest.raises(UserError, match="hardly move"):
        measure_scale(tape, [range(40)])


def test_what_is_read_once_is_read_from_the_warm_up_alone():
    short, long = (
        [bar // 4 for bar in range(WARMUP_BARS)],
        [1000 + bar // 8 for bar in range(4000)],
    )
    tape = hand_tape([[100.0] * 4] * (WARMUP_BARS + 4000), session=short + long)
    assert bars_per_session(tape) == 4.0


def test_running_scale_moves_once_per_rollout():
    running = RunningScale(0.9)
    running.add(torch.tensor([1.0, 3.0]))
    assert running.sd.item() == 1.0
    running.add(torch.tensor([1.0, 3.0]))
    running.end_rollout()
    assert running.sd.item() == 1.0  # sd of 1, 3, 1, 3
    running.add(torch.tensor([0.0, 20.0]))
    assert running.sd.item() == 1.0
    running.end_rollout()
    assert running.sd.item() == pytest.approx((0.9 * 1 + 0.1 * 100) ** 0.5)
    running.end_rollout()  # a rollout without a step changes nothing
    assert running.sd.item() == pytest.approx((0.9 * 1 + 0.1 * 100) ** 0.5)


def test_the_normaliser_divides_the_reward_and_leaves_net_alone():
    plain = random_env(random_tape(300), 4)
    scaled = random_env(random_tape(300), 4, reward=RewardConfig(normalise=True))
    run(plain, [1, -1, 0, 1])
    run(scaled, [1, -1, 0, 1])
    scaled.end_rollout()
    a, b = run(plain, [1])[0], run(scaled, [1])[0]
    assert torch.equal(a.net, b.net)
    sd = float(scaled.reward.running.sd)
    assert sd != 1.0
    assert torch.allclose(b.reward * sd, a.reward)


WALK = random_tape(100_000, 11, GENERIC, sd=1e-3, session_bars=46)
SEGMENTS = [Segment(start, start + 250) for start in range(0, 100_000, 250)]


@pytest.fixture(scope="module", params=["net", "text"])
def reward(request):
    return Reward.fitted(RewardConfig(kind=request.param), WALK, [range(len(WALK))])


def test_no_free_reward(reward):
    offenders = free_rewards(WALK, EnvConfig(), reward, SEGMENTS, torch.Generator().manual_seed(1))
    assert offenders == []
    targets = torch.stack(list(plain_policies(WALK, torch.Generator()).values()))
    flat = play(WALK, EnvConfig(), reward, SEGMENTS[:3], targets[:1])
    assert flat.reward.abs().max() == 0.0


def test_the_gate_sees_a_free_reward():
    terms = STRATEGIC_TERMS | {"synergy": 50.0}
    paid = Reward.fitted(RewardConfig(kind="text", terms=terms), WALK, [range(len(WALK))])
    draw = torch.Generator().manual_seed(1)
    offenders = free_rewards(WALK, EnvConfig(), paid, SEGMENTS, draw)
    assert "follow synergy" in {offender.policy.split(",")[0] for offender in offenders}


def test_reward_follows_money(reward):
    draw = torch.Generator().manual_seed(2)
    bars = SEGMENTS[:200]
    assert reward_follows_money(WALK, EnvConfig(), reward, bars, draw) >= 0.95


def test_random_policies_differ_in_how_often_they_move():
    targets = random_policies(WALK, 12, torch.Generator().manual_seed(0))[:, :2000].long()
    moves = (targets.diff(dim=1) != 0).double().mean(dim=1)
    assert targets.min() == -1
    assert targets.max() == 1
    assert moves.max() - moves.min() > 0.1
