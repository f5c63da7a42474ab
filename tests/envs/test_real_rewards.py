"""Rewards follow money on bars of real markets, where such files are at hand."""

import pytest
import torch

from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig, RewardConfig
from grandmodel.envs.free_reward import reward_follows_money
from grandmodel.envs.reward import Reward
from grandmodel.features.build import build_tape
from grandmodel.features.config import FeatureConfig
from grandmodel.market.config import DataConfig
from grandmodel.market.instruments import Instrument
from grandmodel.market.load import load_dataset

pytestmark = pytest.mark.real_bars
INSTRUMENT = Instrument(name="XAUUSD", fee_bps=1.0, calendar="24/5")


def test_reward_follows_money(real_bars):
    config = DataConfig(kind="parquet", path=str(real_bars("XAUUSD_30m")))
    tape = build_tape(load_dataset(config, INSTRUMENT, 97), FeatureConfig())
    segments = [Segment(start, start + 500) for start in range(600, len(tape) - 500, 500)]
    for kind in ("net", "text"):
        reward = Reward.fitted(RewardConfig(kind=kind), tape, segments)
        draw = torch.Generator().manual_seed(0)
        assert reward_follows_money(tape, EnvConfig(), reward, segments, draw) >= 0.95
