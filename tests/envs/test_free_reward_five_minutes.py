"""The gate of every reward on five-minute bars: nothing is paid where nothing can be known."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.free_reward import free_rewards, plain_policies, play, reward_follows_money
from grandmodel.envs.reward import Reward
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.load import load_dataset
from grandmodel.market.splits import warmup_of
from grandmodel.market.synthetic.config import SyntheticConfig
from grandmodel.market.synthetic.dataset import make_dataset
from grandmodel.market.synthetic.effect_config import GapWorldConfig

TERMS = Path(__file__).parents[2] / "conf" / "reward" / "terms"
TACTICAL = EnvConfig(episode_bars=312, max_hold_bars=78, stop_atr=2.0, target_atr=3.0)
PLANTED = Instrument(name="planted", fee_bps=1.0, calendar="planted")
GENERIC = replace(PLANTED, name="generic", half_spread_bps=1.0, slippage_bps=0.5)
CHEAP = replace(PLANTED, name="cheap", fee_bps=0.1, half_spread_bps=0.2, slippage_bps=0.1)


def shipped(kind):
    if kind == "net":
        return RewardConfig()
    return RewardConfig(
        kind="text", **OmegaConf.to_container(OmegaConf.load(TERMS / "tactical.yaml"))
    )


@pytest.fixture(scope="module")
def walk():
    """100 000 bars without drift, with their own gaps, and segments to play."""
    config = SyntheticConfig(
        world="gaps", train_bars=100_000, validation_paths=1, validation_bars=700, test_paths=1,
        test_bars=700, gaps=GapWorldConfig(drift_bp=0.0),
    )  # fmt: skip
    tape = build_tape(make_dataset(config), FeatureConfig(minutes=5))
    return tape, [Segment(start, start + 500) for start in range(600, 100_600, 500)]


@pytest.mark.parametrize(
    ("kind", "instrument"),
    [("net", GENERIC), ("text", PLANTED), ("text", GENERIC), ("text", CHEAP)],
    ids=lambda value: getattr(value, "name", value),
)
def test_nothing_is_free(walk, kind, instrument):
    tape, segments = replace(walk[0], instrument=instrument), walk[1]
    reward = Reward.fitted(shipped(kind), tape, segments)
    draw = torch.Generator().manual_seed(1)
    assert free_rewards(tape, TACTICAL, reward, segments, draw) == []
    flat = plain_policies(tape, draw)["flat"][None]
    assert play(tape, TACTICAL, reward, segments[:3], flat).reward.abs().max() == 0.0


@pytest.mark.parametrize("kind", ["net", "text"])
def test_reward_follows_money(walk, kind):
    tape, segments = replace(walk[0], instrument=GENERIC), walk[1][:60]
    reward = Reward.fitted(shipped(kind), tape, segments)
    draw = torch.Generator().manual_seed(2)
    assert reward_follows_money(tape, TACTICAL, reward, segments, draw) >= 0.95


def test_bonuses_without_a_bound_would_be_free(walk, monkeypatch):
    tape, segments = replace(walk[0], instrument=PLANTED), walk[1]
    reward, weighted = Reward.fitted(shipped("text"), tape, segments), Reward._weighted
    monkeypatch.setattr(Reward, "_weighted", lambda self, *given: weighted(self, *given[:3], None))
    found = free_rewards(tape, TACTICAL, reward, segments, torch.Generator().manual_seed(1))
    assert "in and out of synergy, market orders" in {free.policy for free in found}


@pytest.mark.real_bars
@pytest.mark.parametrize(("name", "calendar"), [("ES_5m", "CMES"), ("BTCUSDT_5m", "24/7")])
def test_reward_follows_money_on_real_bars(real_bars, name, calendar):
    instrument = replace(GENERIC, name=name, calendar=calendar)
    config = DataConfig(kind="parquet", path=str(real_bars(name)))
    dataset = load_dataset(config, instrument, 79, minutes=5)
    tape = build_tape(dataset, FeatureConfig(minutes=5))
    first = warmup_of(5)
    segments = [Segment(start, start + 1_000) for start in range(first, len(tape) - 1_000, 1_000)]
    segments = segments[:: max(1, len(segments) // 40)]
    for kind in ("net", "text"):
        reward = Reward.fitted(shipped(kind), tape, segments)
        draw = torch.Generator().manual_seed(0)
        follows = reward_follows_money(tape, TACTICAL, reward, segments, draw)
        assert follows >= 0.95, kind
