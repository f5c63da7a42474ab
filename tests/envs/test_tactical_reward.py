"""What `reward=text` pays the tactical team: golden figures, and no pay for nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from env_worlds import doubles, hand_tape, segment_env
from omegaconf import OmegaConf

from grandmodel.envs.config import STRATEGIC_TERMS, RewardConfig
from grandmodel.envs.orders import Orders, Outcome
from grandmodel.envs.step_facts import RewardScale
from grandmodel.market.instruments import Instrument

TERMS = Path(__file__).parents[2] / "conf" / "reward" / "terms"
SHIPPED = OmegaConf.to_container(OmegaConf.load(TERMS / "tactical.yaml"))
# 1 000 units at 100: one ATR(14) of 4 % is 4 000, fees of 10 bp are 100, a market order pays 200
HAND = Instrument(name="hand", fee_bps=10.0, half_spread_bps=10.0, calendar="24/7")
FLAT_SCALE = RewardScale(sd_floor=1e-4, ordinary_drawdown=0.02)
COLUMNS = (
    "synergy_direction", "synergy_confidence", "fvg_bullish_active", "fvg_bearish_active",
    "fvg_nearest_level", "fvg_mitigation_signal", "price_momentum_5",
)  # fmt: skip


def text(**changes):
    return RewardConfig(kind="text", **(SHIPPED | changes))


def hand_env(bars, features=(), *, reward=None, instrument=HAND, **config):
    table = torch.zeros(len(bars), len(COLUMNS))
    for row, values in features:
        for name, value in values.items():
            table[row, COLUMNS.index(name)] = value
    tape = hand_tape(bars, instrument, columns=COLUMNS, features=table)
    return segment_env(tape, reward=reward or text(), scale=FLAT_SCALE, **config)


FLAT_BAR = [100.0, 100.0, 100.0, 100.0]


def test_an_entry_is_paid_in_its_bar_and_never_again():
    signs = {
        "synergy_direction": 1.0, "synergy_confidence": 0.5,
        "fvg_bullish_active": 1.0, "fvg_nearest_level": 0.125,
    }  # fmt: skip
    bars = [FLAT_BAR, [100.0, 102.0, 100.0, 102.0], [102.0] * 4, [102.0] * 4, FLAT_BAR]
    env = hand_env(bars, [(row, signs) for row in range(5)])
    first, held, closed = (env.step(torch.tensor([target])) for target in (1, 1, 0))
    # 1 000 units bought at the open of 100 for 200; up by 2 a unit: 1 800 of 4 000
    assert first.terms["base"].item() == pytest.approx(0.45)
    # bonuses of 0.2 x 0.5 + 0.1 + 0.1 x (1 - 1) share what the entry cost, 200 of 4 000
    assert first.terms["synergy_entry"].item() == pytest.approx(0.025)
    assert first.terms["gap_entry"].item() == pytest.approx(0.025)
    assert first.terms["execution"].item() == 0.0
    # no stop: 2 ATR(14) of 4 % are 8 % of the equity
    assert first.terms["risk"].item() == -0.5
    assert first.reward.item() == pytest.approx(0.45 + 0.05 - 0.5, abs=1e-6)
    for later in (held, closed):
        assert sum(later.terms[name].abs().item() for name in SHIPPED["terms"]) == pytest.approx(
            later.terms["base"].abs().item()
        )
    # 1 000 units sold at 102 for 204; the range is that of row 2: 4 of 102
    assert closed.terms["base"].item() == pytest.approx(-204 / (100_000 * 4 / 102))


def test_a_missed_order_a_refused_one_and_a_far_gap_are_paid_nothing():
    near = {"fvg_bearish_active": 1.0, "fvg_nearest_level": -0.13, "synergy_direction": 1.0}
    bars = [FLAT_BAR, [101.0, 101.0, 100.5, 101.0], *[[101.0] * 4] * 4]
    env = hand_env(bars, [(row, near | {"synergy_confidence": 1.0}) for row in range(4)])
    missed = env.step(Orders(torch.tensor([1]), limit=doubles([100.0])))
    assert missed.outcome.item() == Outcome.MISSED
    assert missed.reward.item() == 0.0
    refused = env.step(Orders(torch.tensor([1]), size=doubles([0.0])))
    assert refused.outcome.item() == Outcome.BELOW_LOT
    assert refused.reward.item() == 0.0
    filled = env.step(torch.tensor([1]))
    assert filled.terms["gap_entry"].item() == 0.0  # 4 x 0.13 = 0.52 ATR(14) away
    assert filled.terms["synergy_entry"].item() > 0.0


def test_execution_weighs_price_and_cost_against_what_was_expected():
    weights = {"base": 1.0, "execution": 1.0}
    bars = [FLAT_BAR, [100.1, 100.1, 99.0, 100.0], [100.0] * 4, [99.95] * 4, [99.95] * 4]
    env = hand_env(bars, reward=RewardConfig(kind="text", terms=weights))
    # market: 0.10 above the close and a cost of 0.2002 a unit, of 0.2002 expected
    paid = env.step(torch.tensor([1])).terms["execution"].item()
    assert paid == pytest.approx(-0.1 / 0.2002, rel=1e-4)
    # resting at the close of 100: 0.1 a unit of 0.2002, bounded by what the entry cost
    env = hand_env(bars, reward=RewardConfig(kind="text", terms=weights))
    rested = env.step(Orders(torch.tensor([1]), limit=doubles([100.0])))
    assert rested.outcome.item() == Outcome.RESTED
    units = 100_000 / 100.0
    assert rested.terms["execution"].item() == pytest.approx(units * 0.1001 / 4_000, rel=1e-4)


@pytest.mark.parametrize(("stop", "paid"), [(98.01, 0.0), (97.9, -0.5)])
def test_risk_is_the_loss_at_the_stop(stop, paid):
    env = hand_env([FLAT_BAR] * 3)
    result = env.step(Orders(torch.tensor([1]), stop=doubles([stop])))
    assert result.terms["risk"].item() == paid


def test_one_contract_is_the_unit_and_the_sum_is_bounded():
    bars = [FLAT_BAR, [100.0, 112.0, 100.0, 112.0], [112.0] * 4]
    free = replace(HAND, fee_bps=0.0, half_spread_bps=0.0)
    for contracts in (1.0, 10.0):
        env = hand_env(bars, instrument=free, size="contracts", contracts=contracts)
        result = env.step(torch.tensor([1]))
        assert result.terms["base"].item() == pytest.approx(3.0)  # 12 points, ATR(14) 4
        assert result.reward.item() == 2.0


def test_a_member_is_paid_beside_the_team_within_the_same_cost():
    signs = {"fvg_mitigation_signal": 1.0, "price_momentum_5": -0.5}
    members = {"a": {"mitigation_entry": 0.02}, "b": {"momentum_entry": 0.1, "counter_entry": 0.3},
               "c": {"mitigation_entry": 5.0}, "d": {"gap_entry": 0.0}}  # fmt: skip
    env = hand_env([FLAT_BAR] * 4, [(0, signs), (1, signs)], reward=text(members=members))
    first = env.step(torch.tensor([1]))
    # the bar loses the 200 of its entry: 0.05 of 4 000, which is also all that bonuses may pay
    assert first.shaping[0].tolist() == pytest.approx([0.02, -0.05 - 0.3, 0.05])
    assert first.terms["counter_entry/b"].item() == pytest.approx(-0.3)
    assert env.step(torch.tensor([1])).shaping.tolist() == [[0.0, 0.0, 0.0]]
    assert hand_env([FLAT_BAR] * 4).step(torch.tensor([1])).shaping is None


def test_the_shipped_weights_of_the_strategic_team():
    shipped = OmegaConf.to_container(OmegaConf.load(TERMS / "strategic.yaml"))
    assert shipped == STRATEGIC_TERMS
