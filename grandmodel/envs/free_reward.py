"""The gate every shipped reward passes: nothing is earned where nothing can be known.

Source: `docs/definitions.md`, "No free reward".
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from grandmodel.envs.config import ENTRIES, EnvConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import Reward
from grandmodel.envs.starts import SegmentStarts, Stretch
from grandmodel.features.tape import Tape

FORBIDDEN_MARGIN = 2.0  # standard errors
LOWEST_SCALE, HIGHEST_SCALE = 1.0, 30.0
LONGEST_REDRAW_BARS = 96


class Played(NamedTuple):
    """What fixed target sequences earned, one row per policy."""

    reward: Tensor  # float32 [policy, decision]
    pnl: Tensor  # float64 [policy, decision], net of costs


class FreeReward(NamedTuple):
    """A policy that earns more than flat does."""

    policy: str
    mean: float
    flat_mean: float
    standard_error: float


def play(
    tape: Tape, env: EnvConfig, reward: Reward, segments: Sequence[Stretch], targets: Tensor
) -> Played:
    """Run target sequences over segments in one batch.

    Args:
        tape: the bars.
        env: money and orders.
        reward: what is earned.
        segments: stretches of equal length, flat at both ends.
        targets: wanted position per policy and tape row, int8 [policy, bar].
    """
    starts = SegmentStarts(segments, copies=len(targets), device=tape.close.device)
    generator = torch.Generator(device=tape.close.device)
    market = MarketEnv(
        tape, env, reward, starts=starts, generator=generator, device=tape.close.device
    )
    policy = torch.arange(len(targets), device=tape.close.device)
    policy = policy.repeat_interleave(starts.segments)
    rewards, pnl = [], []
    for _ in range(starts.steps):
        result = market.step(targets[policy, market.bar].long())
        rewards.append(result.reward.view(len(targets), -1))
        pnl.append((result.pnl_gross - result.cost).view(len(targets), -1))
    return Played(torch.cat(rewards, dim=1), torch.cat(pnl, dim=1))


def plain_policies(tape: Tape, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the targets of policies that know nothing, int8 [bar] each; flat comes first."""
    bars = len(tape)
    odd = torch.arange(bars) % 2
    policies = {
        "flat": torch.zeros(bars),
        "always long": torch.ones(bars),
        "alternating": 1 - 2 * odd,
        "in and out": odd,
        "random": torch.randint(-1, 2, (bars,), generator=generator),
    }
    if "synergy_direction" in tape.columns:
        shown = tape.column("synergy_direction").cpu().sign()
        policies["follow synergy"] = _hold_last(shown)
        policies["in and out of synergy"] = shown * odd
    return {name: targets.to(torch.int8) for name, targets in policies.items()}


def random_policies(tape: Tape, count: int, generator: torch.Generator) -> Tensor:
    """Return actions sampled from random linear heads on the tape's columns, int8 [policy, bar].

    Each policy scales its logits by 1 to 30 and draws new heads every 1 to 96 bars.
    """
    inputs = torch.cat([tape.features.cpu(), torch.ones(len(tape), 1)], dim=1)
    bars, width = inputs.shape
    policies = []
    for _ in range(count):
        spread = torch.rand(1, generator=generator)
        scale = LOWEST_SCALE + (HIGHEST_SCALE - LOWEST_SCALE) * spread
        redraw = int(torch.randint(1, LONGEST_REDRAW_BARS + 1, (1,), generator=generator))
        heads = torch.randn(-(-bars // redraw), width, 3, generator=generator) / width**0.5
        block = torch.arange(bars) // redraw
        logits = (inputs[:, :, None] * heads[block]).sum(dim=1) * scale
        noise = -torch.log(-torch.log(torch.rand(bars, 3, generator=generator)))
        policies.append((logits + noise).argmax(dim=1) - 1)
    return torch.stack(policies).to(torch.int8)


def free_rewards(
    tape: Tape,
    env: EnvConfig,
    reward: Reward,
    segments: Sequence[Stretch],
    generator: torch.Generator,
) -> list[FreeReward]:
    """Return the plain policies that earn more than flat + 2 standard errors: none should.

    Each is played twice, its entries sent to the market and left at their limit.
    """
    policies = plain_policies(tape, generator)
    targets = torch.stack(list(policies.values()))
    found = []
    for entry in ENTRIES:
        earned = play(tape, replace(env, entry=entry), reward, segments, targets).reward.double()
        means = earned.mean(dim=1)
        errors = earned.std(dim=1) / earned.shape[1] ** 0.5
        rows = zip(policies, means.tolist(), errors.tolist(), strict=True)
        flat = float(means[0])
        found += [
            FreeReward(f"{name}, {entry} orders", mean, flat, error)
            for name, mean, error in rows
            if mean > flat + FORBIDDEN_MARGIN * error
        ]
    return found


def reward_follows_money(
    tape: Tape,
    env: EnvConfig,
    reward: Reward,
    segments: Sequence[Stretch],
    generator: torch.Generator,
    policies: int = 50,
) -> float:
    """Return the rank correlation of reward and net P&L over random policies."""
    played = play(tape, env, reward, segments, random_policies(tape, policies, generator))
    reward_rank = played.reward.double().sum(dim=1).argsort().argsort().double()
    money_rank = played.pnl.sum(dim=1).argsort().argsort().double()
    return float(torch.corrcoef(torch.stack([reward_rank, money_rank]))[0, 1])


def _hold_last(direction: Tensor) -> Tensor:
    """Return the direction of the last signal up to each bar, 0 before the first."""
    bars = torch.arange(len(direction))
    last = torch.where(direction != 0.0, bars, -1).cummax(dim=0).values
    return torch.where(last >= 0, direction[last.clamp_min(0)], 0.0).sign()
