"""What the bars lack, settings without meaning, and the state of orders over a resume."""

import numpy as np
import pytest
import torch
from env_worlds import hand_tape, random_env, random_tape, segment_env
from hand_orders import HAND, STILL

from grandmodel.core.checks import UserError
from grandmodel.core.types import Segment
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.execution import Execution
from grandmodel.envs.orders import Orders, Outcome


def test_what_the_bars_lack_is_refused():
    tape = hand_tape([STILL] * 4, HAND)
    with pytest.raises(UserError, match=r"env.fill=next_open\+1m needs bars finer than the 30"):
        Execution.of(EnvConfig(fill="next_open+1m"), tape)
    with pytest.raises(UserError, match=r"volume_share needs traded volume.*volume_kind=none"):
        Execution.of(EnvConfig(slippage="volume_share"), tape)
    with pytest.raises(UserError, match="raw_volatility_30, which the tape lacks"):
        segment_env(tape, slippage="volatility")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("entry", "stop"),
        ("fill", "close"),
        ("lots", "half"),
        ("slippage", "none"),
        ("stop_atr", 0.0),
        ("target_atr", -1.0),
        ("target_atr", float("nan")),
        ("impact", -0.1),
        ("volume_limit", 0.0),
        ("volume_limit", 1.5),
    ],
)
def test_settings_that_mean_nothing_are_refused(key, value):
    with pytest.raises(UserError, match=f"env.{key} must"):
        EnvConfig(**{key: value})


def orders_for(env, draw):
    close = env.tape.close[env.bar]
    shape = (env.n_envs,)
    return Orders(
        torch.randint(-1, 2, shape, generator=draw),
        size=torch.rand(shape, generator=draw, dtype=torch.float64),
        limit=torch.where(torch.rand(shape, generator=draw) < 0.5, close * 0.999, torch.nan),
        stop=close * 0.99,
        take_profit=close * 1.01,
    )


@pytest.mark.parametrize("config", [{}, {"stop_atr": 0.5, "target_atr": 0.7, "entry": "limit"}])
def test_a_resumed_environment_keeps_stops_and_targets(config):
    tape, draw = random_tape(600, 5), torch.Generator().manual_seed(3)
    env = random_env(tape, n_envs=16, episode_bars=40, **config)
    for _ in range(30):
        env.step(orders_for(env, draw) if not config else torch.ones(16, dtype=torch.int64))
    saved = {key: value.clone() for key, value in env.state_dict().items()}
    again = random_env(tape, n_envs=16, episode_bars=40, seed=9, **config)
    again.load_state_dict(saved)
    ends = 0
    for number in range(60):
        held, drawn = env.observation().position, torch.randint(-1, 2, (16,), generator=draw)
        target = held if number % 8 else drawn
        one, two = env.step(target), again.step(target)
        assert torch.equal(one.equity, two.equity)
        assert torch.equal(one.ended, two.ended)
        ends += int((one.ended != 0).sum())
    assert ends > 0
    assert same_state(env.state_dict(), again.state_dict())


def same_state(one, two):
    return all(torch.equal(one[key], two[key]) for key in one)


def test_a_state_from_before_there_were_stops_has_none():
    tape = random_tape(300, 5)
    env = random_env(tape, n_envs=4, episode_bars=40)
    old = {k: v for k, v in env.state_dict().items() if k != "ordered" and "account.st" not in k}
    del old["account.take_profit"]
    env.load_state_dict(old)
    assert env.state_dict()["account.stop"].isneginf().all()


def test_orders_without_prices_fill_like_plain_targets():
    tape = random_tape(500, 8, columns=False)
    targets = torch.randint(-1, 2, (499, 2), generator=torch.Generator().manual_seed(1))
    plain = segment_env(tape, [Segment(0, 250), Segment(250, 500)])
    orders = segment_env(tape, [Segment(0, 250), Segment(250, 500)])
    for target in targets[:249]:
        one, two = plain.step(target), orders.step(Orders(target))
        torch.testing.assert_close(one.equity, two.equity, rtol=1e-12, atol=0)
        assert torch.equal(one.executed, two.executed)
        assert torch.equal(one.outcome, two.outcome)
    assert np.unique(one.outcome).max() <= Outcome.FILLED
