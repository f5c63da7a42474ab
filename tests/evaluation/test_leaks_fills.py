"""Fills and rewards that know too much are named; those of the shipped environment do not."""

from dataclasses import replace

import pytest
import torch
from leak_world import make_world

from grandmodel.envs.config import STRATEGIC_TERMS, EnvConfig, RewardConfig
from grandmodel.envs.market_env import MarketEnv
from grandmodel.envs.reward import OwnTerm, Reward
from grandmodel.envs.starts import SegmentStarts
from grandmodel.envs.step_facts import RewardScale
from grandmodel.evaluation.leaks import finding
from grandmodel.evaluation.leaks.orders import (
    KNOWN_STEPS,
    STEPS,
    Rows,
    fill_findings,
    future_findings,
    tape_part,
)

WITH_MOMENTUM = STRATEGIC_TERMS | {"momentum": 0.5}
SCALE = RewardScale(sd_floor=1e-4, ordinary_drawdown=0.02)
FIRST = 700


@pytest.fixture(scope="module")
def rows():
    return Rows(tape_part(make_world().tape, FIRST, FIRST + 800), FIRST)


def honest(config=None, reward=None, own=None, kind=MarketEnv):
    def make(tape, segments):
        return kind(
            tape,
            config or EnvConfig(),
            Reward(reward or RewardConfig(), SCALE, own=own),
            starts=SegmentStarts(segments),
            generator=torch.Generator(),
        )

    return make


def filled_at(price):
    """The environment over a tape whose opens are other prices: a fill at that price."""

    def make(tape, segments):
        return honest()(replace(tape, open=price(tape)), segments)

    return make


def before(values):
    return torch.cat([values[:1], values[:-1]])


class PeekingReward(MarketEnv):
    """Pays for the return of the bar after the one that the step ends on."""

    def step(self, target):
        result = super().step(target)
        after = (result.final.bar + 1).clamp_max(len(self.tape) - 1)
        ahead = self.tape.close[after] / self.tape.close[result.final.bar] - 1.0
        return replace(result, reward=result.reward + (target * ahead).float())


class PeekingAccount(MarketEnv):
    """Shows the profit that the position will have one bar later."""

    def step(self, target):
        result = super().step(target)
        after = (result.final.bar + 1).clamp_max(len(self.tape) - 1)
        account = result.final.account.clone()
        account[:, 1] += (result.final.position * self.tape.close[after]).float()
        return replace(result, final=replace(result.final, account=account))


@pytest.mark.parametrize(
    ("price", "cause", "words"),
    [
        (lambda tape: before(tape.close), finding.SAME_BAR_FILL, "filled at its close"),
        (lambda tape: before(tape.low) * 0.99, finding.UNKNOWN_FILL, "the next bar opens at"),
        (lambda tape: tape.low, finding.UNKNOWN_FILL, "the next bar opens at"),
        (lambda tape: tape.close, finding.UNKNOWN_FILL, "does not move with the next close"),
    ],
)
def test_fills_at_other_prices_than_the_next_open(rows, price, cause, words):
    (found,), note = fill_findings(filled_at(price), rows, at_open=True)
    assert (found.column, found.cause) == ("fill", cause)
    assert words in found.detail
    assert found.row == FIRST + 1
    assert not note


def test_a_fill_at_the_open_of_the_deciding_bar_is_told_from_its_close(rows):
    tape = rows.tape
    far = replace(rows, tape=replace(tape, open=tape.low * 0.98, low=tape.low * 0.97))
    make = filled_at(lambda tape: before(tape.open))
    (found,), _ = fill_findings(make, far, at_open=True)
    assert (found.cause, found.detail.split()[-1]) == (finding.SAME_BAR_FILL, "open")


@pytest.mark.parametrize(
    ("kind", "column", "cause"),
    [
        (PeekingReward, "reward", finding.FUTURE_REWARD),
        (PeekingAccount, "observation account", finding.FUTURE_STATE),
    ],
)
def test_steps_that_know_the_bar_after(rows, kind, column, cause):
    (found,) = future_findings(honest(kind=kind), rows)
    assert (found.column, found.cause) == (column, cause)
    assert (found.row - FIRST) % STEPS == KNOWN_STEPS - 1


ENVIRONMENTS = [
    (EnvConfig(), RewardConfig()),
    (EnvConfig(size="vol_target", edge="flat"), RewardConfig()),
    (EnvConfig(size="contracts", contracts=2.0, max_hold_bars=3), RewardConfig()),
    (
        EnvConfig(edge="carry"),
        RewardConfig(kind="text", terms=STRATEGIC_TERMS | {"momentum": 0.5}, risk="0"),
    ),
    (EnvConfig(), RewardConfig(normalise=True)),
]


@pytest.mark.parametrize(("config", "reward"), ENVIRONMENTS)
def test_the_shipped_environment_raises_no_alarm(rows, config, reward):
    make = honest(config, reward)
    assert fill_findings(make, rows, at_open=True) == ([], "")
    assert future_findings(make, rows) == []


def test_a_term_of_ones_own_may_read_the_columns_of_both_bars(rows):
    def term(facts, change, scale):
        moved = facts.next_signals["momentum_20"] - facts.signals["momentum_20"]
        return (moved * facts.position).double()

    own = {"trend": OwnTerm(term, 1.0, ("momentum_20",))}
    assert future_findings(honest(own=own), rows) == []


def test_where_no_order_is_executed_a_note_says_so(rows):
    closed = torch.full_like(rows.tape.break_ahead_hours, 48.0)
    still = replace(rows, tape=replace(rows.tape, break_ahead_hours=closed))
    found, note = fill_findings(honest(EnvConfig(edge="carry")), still, at_open=True)
    assert found == []
    assert "no order was executed" in note


def test_fills_are_probed_without_the_stops_and_targets_that_would_end_them(rows):
    bracketed = EnvConfig(stop_atr=2.0, target_atr=3.0)
    assert fill_findings(honest(bracketed), rows, at_open=True) == ([], "")
    wrong = honest(bracketed)

    def late(tape, segments):
        return wrong(replace(tape, open=before(tape.close)), segments)

    (found,), _ = fill_findings(late, rows, at_open=True)
    assert found.cause == finding.SAME_BAR_FILL
