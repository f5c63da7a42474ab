"""Settings that contradict each other are refused, each with its remedy."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grandmodel.core.checks import UserError
from grandmodel.market.instruments import Instrument
from grandmodel.wiring.compose import compose, typed
from grandmodel.wiring.rules import check_rules
from grandmodel.wiring.schema import TrainConfig

FUTURE = Instrument(name="FUT", lot=1.0, fee_bps=1.0)


def bars_of(instrument: Instrument, low: float = 100.0) -> Any:
    """What the rules ask of a dataset: the instrument and its prices."""
    bars = SimpleNamespace(low=np.array([2.0 * low, low]))
    return SimpleNamespace(instrument=instrument, paths=(SimpleNamespace(bars=bars),))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["agent.ensemble_learn=gradient"], ("agent.executor=pool", "episode")),
        (["agent.executor=pool"], ("agent.ensemble_learn=record", "gradient or fixed")),
        (["reward=text", "reward.risk=0.03"], ("reward.risk", "0.03", "text")),
        (
            ["agent=tactical", "reward=text", "+reward.members.nobody={gap_entry: 0.1}"],
            ("reward.members.nobody", "fvg, momentum, entry"),
        ),
        (
            [
                "agent=tactical",
                "reward=text",
                "reward.members.fvg.gap_entry=0.1",
                "algorithm.critic_sees=own",
            ],
            ("reward.members", "algorithm.critic_sees=own"),
        ),
        (
            ["agent=tactical", "reward=text", "features.scaling=text"],
            ("gap_entry", "features.scaling=text", "reward.terms.gap_entry=0"),
        ),
        (["env.size=contracts", "env.contracts=0.5"], ("env.contracts", "FUT", "0.5")),
        (
            ["env.size=contracts", "data=auto", "data.adjustment=ratio"],
            ("data.adjustment=ratio", "notional"),
        ),
        (["env.size=contracts", "data=bootstrap"], ("data=bootstrap has multiplied", "notional")),
    ],
)
def test_contradictions_are_refused(overrides: list[str], words: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        check_rules(typed(compose("train", overrides), TrainConfig), bars_of(FUTURE))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["agent.executor=pool", "agent.ensemble_learn=gradient"],
        ["agent.executor=step"],
        ["reward=text"],
        ["agent=tactical", "reward=text", "reward.members.fvg.gap_entry=0.1"],
        ["agent=tactical", "reward=text", "reward.terms.gap_entry=0", "features.scaling=text"],
        ["agent=tactical", "features.scaling=text"],
        ["env.size=contracts", "env.contracts=3"],
        ["env.size=contracts", "data=auto", "data.adjustment=additive"],
        ["env.size=notional", "data=auto", "data.adjustment=ratio"],
        ["agent=strategic_single", "agent.executor=pool"],
    ],
)
def test_what_fits_passes(overrides: list[str]) -> None:
    check_rules(typed(compose("train", overrides), TrainConfig), bars_of(FUTURE))


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ([], True),
        (["env.capital=249999"], True),
        (["env.capital=250000"], False),
        (["env.lots=free"], False),
        (["env.size=contracts"], False),
    ],
)
def test_capital_below_one_lot_is_refused(more: list[str], refused: bool) -> None:
    overrides = ["env.lots=whole", "env.capital=100", *more]
    config = typed(compose("train", overrides), TrainConfig)
    large = bars_of(Instrument(name="BIG", lot=1.0, multiplier=50.0, fee_bps=1.0), low=5_000.0)
    if not refused:
        check_rules(config, large)
        return
    with pytest.raises(UserError, match=r"worth 250,000 at the lowest price.*env\.lots=free"):
        check_rules(config, large)
