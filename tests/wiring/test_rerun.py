"""A judgement repeated with later fills and other accounts, on bars of five minutes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from grandmodel.core.types import Segment
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.controls.sweep import LATE, OWN
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.features.build import build_tape
from grandmodel.market.bars import Bars, resample
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.wiring.compose import compose, register, typed
from grandmodel.wiring.controls import find_controls
from grandmodel.wiring.market import Stage
from grandmodel.wiring.occasion import Occasion, Subject
from grandmodel.wiring.rerun import Rerun
from grandmodel.wiring.schema import TrainConfig
from grandmodel.wiring.system import build_system, with_needed_features

HALF_HOURS, FIRST = 900, 640
SETTINGS = (
    "agent.execute=argmax",
    "evaluation.surrogates=0",
    "env.edge=carry",
    "network.trunk=[16]",
    "network.head=8",
)


def five_minutes() -> Bars:
    count = 6 * HALF_HOURS
    rng = np.random.default_rng(0)
    close = 4_000.0 * np.exp(np.cumsum(rng.normal(0.0, 5e-4, count)))
    opens = np.concatenate([[4_000.0], close[:-1]]) * np.exp(rng.normal(0.0, 1e-4, count))
    return Bars(
        open_time_ns=pd.date_range("2024-01-01", periods=count, freq="5min").as_unit("ns").asi8,
        open=opens,
        high=np.maximum(opens, close) * 1.0002,
        low=np.minimum(opens, close) * 0.9998,
        close=close,
        volume=rng.integers(50, 100, count).astype(float),
        minutes=5,
        instrument=Instrument(name="plain", fee_bps=1.0, calendar="24/7"),
        volume_kind="traded",
    )


@pytest.fixture(scope="module")
def rerun() -> Rerun:
    register()
    config = with_needed_features(typed(compose("train", SETTINGS), TrainConfig))
    fine = five_minutes()
    dataset = Dataset((MarketPath(resample(fine, 30), fine),), {})
    stage = Stage(dataset, build_tape(dataset, config.features, 1))
    subject = Subject(build_system(config), 1.0, 1e-4, 0, None, None)
    for policy in subject.team.policies:
        policy.head.out.weight.data.mul_(3_000.0)
    segments = (Segment(FIRST, HALF_HOURS, 0, 0),)
    occasion = Occasion("evaluate", "test", segments, (), (), chosen_here=False)
    return Rerun(config, stage, subject, occasion)


def test_late_orders_fill_at_the_price_five_minutes_on(rerun: Rerun) -> None:
    (usual,), (late,) = rerun([OWN]), rerun([OWN], late=5)
    fine = rerun.stage.dataset.paths[0].finest
    assert fine is not None
    assert late.legs is not None
    second = fine.open.reshape(-1, 6)[:, 1]
    np.testing.assert_allclose(late.legs.exit_price, second[late.bar + 1])
    assert np.count_nonzero(np.diff(late.position)) > 10
    assert (usual.equity != late.equity).any()


def test_what_cannot_be_told_says_why(rerun: Rerun) -> None:
    assert rerun.why_not_late(5) is None
    assert (
        rerun.why_not_late(1) == "needs bars whose length divides 1 min; the finest here last 5 min"
    )
    assert rerun.why_not_late(60) == "a decision lasts 30 min"
    config = replace(rerun.config, env=replace(rerun.config.env, fill="next_open+1m"))
    reason = replace(rerun, config=config).why_not_late(5)
    assert reason is not None
    assert "env.fill=next_open+1m" in reason


def test_a_judgement_is_told_with_every_control(rerun: Rerun) -> None:
    market = Market.of(rerun.stage.tape)

    def tell(track):
        return measure(track, market, 365.25)

    own, late = (tell(track) for track in rerun([OWN, LATE]))
    found = find_controls(rerun, own, tell)
    minute, five, one = found.record["delay"]
    assert (minute["sharpe"], five["reason"], one["reason"]) == (None, None, None)
    assert five["sharpe"] == pytest.approx(tell(rerun([OWN], late=5)[0]).scalars["sharpe"])
    assert one["sharpe"] == late.scalars["sharpe"]
    assert found.strain.late_sharpe == pytest.approx(one["sharpe"])
    assert found.record["phase_randomised"] is None
    assert len(found.record["capacity"]) > 5
    assert sum(row["share"] for row in found.record["regimes"]) == pytest.approx(1.0)
    few = replace(rerun.config, evaluation=replace(rerun.config.evaluation, surrogates=2))
    drawn = replace(rerun, config=few).randomised()
    assert drawn is not None
    assert len(drawn["sharpe"]) == 2
    assert drawn["real_sharpe"] == pytest.approx(own.scalars["sharpe"])
