"""Random teams under random settings: driven one by one and in the batch, to the last bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import COLUMNS, halves
from test_scripted_execution import rich_tape
from test_single_account import assert_same, both_ways

from grandmodel.core.random import torch_stream
from grandmodel.core.types import ACCOUNT_VALUES
from grandmodel.decision.aggregation import ROLES
from grandmodel.decision.rules import Rule
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Ended
from grandmodel.envs.voting import MOMENTUM
from grandmodel.evaluation.judging import one_by_one
from grandmodel.evaluation.judging.execution import ARGMAX, LITERAL, JudgeRule
from grandmodel.features.latched import LATCHED
from grandmodel.systems.config import AgentConfig, CriticConfig, MemberConfig, NetworkConfig
from grandmodel.systems.team import build_team


def world(rng, votes, plain):
    """A tape with everything that orders can read, few or many bars to a session."""
    edge = str(rng.choice(["carry", "flat"]))
    wick = float(rng.choice([3e-4, 4e-3]))
    tape = rich_tape(
        seed=int(rng.integers(1_000)), bars=int(rng.integers(150, 260)), edge=edge, wick=wick
    )
    parts = {}
    if plain or rng.random() < 0.5:
        parts |= {"carry_long": None, "carry_short": None, "rolls": None}
    maintenance = float(rng.choice([0.02, 0.08, 0.97]))
    instrument = replace(
        tape.instrument,
        long_only=bool(rng.random() < 0.2),
        maintenance_margin=maintenance,
        initial_margin=max(maintenance, float(rng.choice([0.05, 1.0]))),
        tick=None if rng.random() < 0.3 else 0.01,
        multiplier=float(rng.choice([1.0, 5.0])),
    )
    tape = replace(tape, instrument=instrument, **parts)
    if not votes:
        return tape
    count = len(tape)
    kinds = rng.integers(0, 5, count)
    columns = {name: kinds == k for k, name in enumerate(LATCHED[:4], 1)}
    columns |= {
        "synergy_direction": rng.integers(-1, 2, count),
        "synergy_confidence": rng.random(count),
        "synergy_age": rng.integers(0, 3, count) / 10.0,
        MOMENTUM: rng.normal(size=count) * (rng.random(count) < 0.9),
    }
    for name, values in columns.items():
        tape = tape.with_column(name, torch.tensor(np.asarray(values, np.float32)))
    return tape


def settings(rng, account, plain):
    pick = lambda *values: values[rng.integers(len(values))]  # noqa: E731
    slippage = pick("fixed", "volatility", "volume_share")
    common = {
        "size": pick("notional", "contracts", "vol_target"),
        "contracts": pick(40.0, 400.0, 1_750.0),
        "episode_bars": int(pick(4, 30, 256)),
        "max_hold_bars": int(pick(1, 7, 96)),
        "account": account,
    }
    if plain:
        return EnvConfig(**common)
    return EnvConfig(
        entry=pick("market", "limit"),
        stop_atr=pick(None, 0.4, 1.0, 3.0),
        target_atr=pick(None, 0.5, 1.5),
        fill=pick("next_open", "next_open+1m"),
        lots=pick("free", "whole"),
        slippage=slippage,
        **common,
    )


def random_team(rng, votes, account):
    """A team of strong opinions that change with the account."""
    agents = list(ROLES) if votes else ["a", "b", "c", "d"][: rng.integers(1, 5)]
    plain = {"inputs": list(COLUMNS[:3]), "window_bars": 5}
    members = {
        name: MemberConfig(
            **plain,
            votes=name if votes else None,
            modifiers=[] if votes else [str(rng.choice(["support_prior", "volatility_factor"]))],
        )
        for name in agents
    }
    kind = {"executor": "votes", "execute": "votes", "account": account} if votes else {}
    kind |= {"pool": str(rng.choice(["log", "linear"])), "account": account}
    agent = AgentConfig(members=members, **kind)
    network = NetworkConfig(trunk=[8], head=int(rng.choice([8, 24])), layer_norm=rng.random() < 0.5)
    generator = torch_stream(int(rng.integers(1_000)), "init")
    team = build_team(agent, network, CriticConfig(), ["hour_sin"], generator)
    if votes:
        team.decide_on = str(rng.choice(["every_bar", "synergy"]))
    with torch.no_grad():
        for policy in team.policies:
            policy.head.out.weight.mul_(float(rng.choice([3.0, 60.0])))
            policy.head.account.weight.mul_(float(rng.choice([0.0, 1.0, 5.0])))
    return team


def random_rules(rng, votes):
    kinds = [JudgeRule("votes" if votes else "challenger", gate) for gate in (0.0, 0.45)]
    rules = kinds if votes else [*kinds, ARGMAX, LITERAL, JudgeRule("literal", 0.4)]
    chosen = rng.choice(len(rules), int(rng.integers(1, 4)))
    return [
        replace(
            rules[k],
            cost_scale=float(rng.choice([0.0, 1.0, 2.7])),
            delay=int(rng.choice([0, 0, 1, 3])),
        )
        for k in chosen
    ]


def drawn(seed):
    """Return tape, segments, settings, rules and team of one seed."""
    rng = np.random.default_rng(seed)
    votes = bool(seed % 2)
    others = [name for name in ACCOUNT_VALUES[1:] if rng.random() < 0.6]
    account = ["position", *others]
    plain = bool(rng.random() < 0.3)  # market orders alone
    tape = world(rng, votes, plain)
    cuts = halves(tape, int(rng.integers(1, 3)))
    return (
        tape,
        cuts,
        settings(rng, account, plain),
        random_rules(rng, votes),
        random_team(rng, votes, account),
    )


FOUND = {"moves": 0, "ended": set(), "outcomes": set()}


@pytest.mark.parametrize("seed", range(48))
def test_both_ways_are_the_same(seed, monkeypatch):
    if seed % 3:  # the team is asked about a few steps at a time
        monkeypatch.setattr(one_by_one, "MOST_STEPS", 1 + seed % 5 * 7)
        monkeypatch.setattr(one_by_one, "LEAST_STEPS", 1)
    if seed % 3 == 2:  # and often sends another order than was guessed
        settling_of = one_by_one.settling_of
        monkeypatch.setattr(
            one_by_one, "settling_of", lambda *known: settling_of(*known)._replace(gate=0.5)
        )
    one, other = both_ways(monkeypatch, *drawn(seed), sd_floor=1e-3, cost_scale=0.7)
    assert_same(one, other)
    assert one.detail is not None
    FOUND["moves"] += (np.diff(one.position, axis=-1) != 0).sum()
    FOUND["ended"] |= set(np.unique(one.ended).tolist())
    FOUND["outcomes"] |= set(np.unique(one.detail.rule).tolist())


def test_the_streams_hold_every_kind_of_trade():
    assert FOUND["moves"] > 2_000
    assert FOUND["ended"] == {int(code) for code in Ended}
    assert {Rule.MISSED, Rule.CLOSED, Rule.BELOW_LOT, Rule.MARGIN, Rule.PARTIAL} <= FOUND[
        "outcomes"
    ]
