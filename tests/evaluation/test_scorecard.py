"""Figures beyond the main metrics: by hand, beside quantstats, and of a judged team."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fakes import fake_tape, fake_team, halves

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.track import FLAT_REASONS, Market
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures import kpi
from grandmodel.evaluation.measures.kpi_targets import MEASURED, TARGETS, Target
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.measures.order_metrics import impact_ratio, order_ratios
from grandmodel.evaluation.measures.ratios import (
    Ratio,
    ratio_intervals,
    ratio_values,
    session_of_row,
)
from grandmodel.evaluation.measures.return_metrics import RISK_FIGURES, moments_of, risk_of
from grandmodel.evaluation.measures.scorecard import Scored, scorecard
from grandmodel.evaluation.measures.team_metrics import market_return
from grandmodel.evaluation.measures.trade_metrics import trade_ratios
from grandmodel.evaluation.measures.trader import Traded, trader
from grandmodel.evaluation.measures.vote_report import VoteJudge
from grandmodel.evaluation.report import kpi_tables
from grandmodel.evaluation.statistics.intervals import COVERED
from grandmodel.market.instruments import Instrument

YEAR = 252.0


def risk(net, *, compounding=True):
    net = np.asarray(net, float)
    flat = np.zeros(len(net))
    index = np.arange(len(net))
    low, high = np.minimum(net, 0.0), np.maximum(net, 0.0)
    values = risk_of(index, net, low, high, flat, compounding, YEAR)
    return dict(zip(RISK_FIGURES, values, strict=True))


@pytest.fixture(scope="module")
def judged():
    """A bold team of three over two segments, and all that is told of it."""
    tape = fake_tape(bars=3_400, sd=1e-3)
    market, segments = Market.of(tape), halves(tape)
    config = EnvConfig(max_hold_bars=20)
    team = fake_team()
    judgement = Judge(tape, segments, config, (JudgeRule("argmax", 0.5),), sd_floor=1e-9,
                      detail=True)(team)  # fmt: skip
    measured = measure(judgement.track(0, market), market, YEAR)
    votes = VoteJudge(tape, config, (), 6)(judgement, 0)
    scored = Scored(measured, market, judgement.decisions(0, market), votes, None)
    return scored, scorecard(scored, draws=200, seed=0)


def test_risk_figures_by_hand():
    found = risk([0.10, -0.10, -0.10, 0.30])
    levels = np.cumprod([1.1, 0.9, 0.9, 1.3])
    assert found["annual_return"] == pytest.approx(levels[-1] ** (YEAR / 4) - 1)
    assert found["drawdown_sessions"] == 2
    assert found["sortino"] == pytest.approx(0.05 / np.sqrt(0.02 / 4) * np.sqrt(YEAR))
    assert found["calmar"] == pytest.approx(found["annual_return"] / 0.19)
    assert found["worst_session"] == -0.10
    assert found["best_session"] == 0.30
    assert risk([0.01, 0.02], compounding=False)["annual_return"] == pytest.approx(0.015 * YEAR)


def test_what_is_undefined_is_no_number():
    still = risk(np.zeros(5))
    assert np.isnan([still["sortino"], still["calmar"]]).all()
    assert still["annual_volatility"] == 0.0
    assert np.isnan(risk([])["annual_return"])
    assert moments_of(np.zeros(3))["skew"] is None
    assert moments_of(np.empty(0))["mean"] is None


def test_risk_figures_agree_with_quantstats():
    quantstats = pytest.importorskip("quantstats").stats
    net = np.random.default_rng(1).standard_t(4, 600) * 0.01
    days = pd.Series(net, index=pd.bdate_range("2020-01-01", periods=600))
    found = risk(net)
    sd = np.sqrt(600 / 599)  # theirs has ddof 1
    assert found["sortino"] == pytest.approx(quantstats.sortino(days, periods=252))
    assert found["annual_volatility"] * sd == pytest.approx(
        quantstats.volatility(days, periods=252)
    )
    assert found["annual_return"] / found["calmar"] == pytest.approx(
        -quantstats.max_drawdown(days), rel=1e-9
    )
    edge = days.quantile(0.05)
    assert found["value_at_risk_95"] == pytest.approx(-edge)
    assert found["expected_shortfall_95"] == pytest.approx(-days[days <= edge].mean())
    assert found["best_session"] == quantstats.best(days)
    moments = moments_of(net)
    assert moments["skew"] == pytest.approx(quantstats.skew(days), rel=0.02)  # theirs corrected
    assert moments["median"] == pytest.approx(days.median())


def test_trades_agree_with_quantstats_and_by_hand(judged):
    scored, card = judged
    quantstats = pytest.importorskip("quantstats").stats
    net = pd.Series(scored.measured.trips.pnl_net, pd.bdate_range("2000", periods=len(
        scored.measured.trips)))  # fmt: skip
    found = card["trade_figures"]
    assert found["average_win"] == pytest.approx(net[net > 0].mean())
    assert found["average_loss"] == pytest.approx(-net[net < 0].mean())
    assert found["largest_win"] == pytest.approx(net.max())
    assert found["largest_loss"] == pytest.approx(-net.min())
    ratio = found["average_win"] / found["average_loss"]
    assert ratio == pytest.approx(quantstats.payoff_ratio(net, prepare_returns=False))
    trades = scored.measured.trades(scored.market)
    hours = (trades["exit_time"] - trades["entry_time"]).dt.total_seconds() / 3600
    assert found["trade_hours"] == pytest.approx(hours.mean())
    assert found["trade_bars"] == pytest.approx(trades["bars_held"].mean())
    assert found["trades_per_session"] == pytest.approx(len(trades) / len(scored.measured.sessions))
    assert found["cost_per_side"] == pytest.approx(1e-4, rel=0.01)  # 1 bp a side
    assert found["entry_delay"] == pytest.approx(0.0, abs=1e-6)  # opens where it closed
    assert found["slippage"] == pytest.approx(1e-4, rel=0.02)
    assert found["trade_hours_ci_low"] < found["trade_hours"] < found["trade_hours_ci_high"]


def test_stops_that_a_gap_went_through_are_not_kept(judged):
    measured, market = judged[0].measured, judged[0].market
    trips = measured.trips
    trips = type(trips)(**{**vars(trips), "reason": np.full(len(trips), 6)})  # as if all stopped
    measured = type(measured)(**{**vars(measured), "trips": trips})
    rows = session_of_row(measured.track)
    decided = market.close[measured.track.bar[trips.entry_row]]
    lost = trips.side * (decided - trips.exit_price)
    for distance in (1e9, 1e-9, float(np.median(lost))):
        found = trade_ratios(measured, market, rows, np.full(len(market.close), distance))
        value = ratio_values({"kept": found["stop_adherence"]}, measured.sessions)["kept"]
        assert value == pytest.approx((lost <= distance).mean(), abs=2 / len(trips))


def test_a_team_is_told_by_its_decisions(judged):
    scored, card = judged
    decisions, found = scored.decisions, card["team_figures"]
    pooled = decisions[["p_bear", "p_neutral", "p_bull"]].to_numpy().argmax(axis=1)
    first = (decisions["segment"].diff() != 0).to_numpy()
    same = (np.diff(pooled, prepend=-1) == 0)[~first]
    assert found["ensemble_stability"] == pytest.approx(same.mean())
    assert found["agreement"] == pytest.approx(decisions["agreement"].mean())
    assert found["unanimity"] == pytest.approx((decisions["agreement"] == 1).mean())
    agents = scored.votes.figures["agents"]
    for name, figures in agents.items():
        assert found[f"accuracy_{name}"] == pytest.approx(figures["accuracy"])
    assert found["accuracy"] == pytest.approx(scored.votes.figures["team"]["accuracy"])
    assert found["lowest_accuracy"] == min(found[f"accuracy_{name}"] for name in agents)
    lean = decisions["p_mlmi_bull"] - decisions["p_mlmi_bear"]
    moved = market_return(scored.measured.track, scored.market)
    total = (lean * moved).sum() / len(scored.measured.sessions)
    assert card["contributions"]["mlmi"]["mean"] == pytest.approx(total)
    assert abs(card["contributions"]["mlmi"]["correlation_with_result"]) <= 1.0


def test_sections_hold_intervals_and_no_nan(judged):
    _, card = judged
    assert card["risk_figures"]["annual_volatility_ci_low"] > 0
    assert card["reward_moments"]["sd"] > 0
    for section in card.values():
        assert all(value == value for value in section.values() if isinstance(value, float))


def test_ratios_are_resampled_by_whole_sessions(judged):
    measured = judged[0].measured
    one = np.ones(len(measured.sessions))
    grown = np.random.default_rng(0).normal(2.0, 1.0, len(one))
    ratios = {"steady": Ratio(3 * one, one), "mean": Ratio(grown, one), "none": Ratio(one, 0 * one)}
    found = ratio_intervals(ratios, measured, draws=400, seed=1)
    assert (found["steady"].low, found["steady"].high) == (3.0, 3.0)
    width = found["mean"].high - found["mean"].low
    assert width == pytest.approx(2 * 1.96 * grown.std() / np.sqrt(len(one)), rel=0.5)
    assert "none" not in found
    assert ratio_values(ratios, measured.sessions)["none"] is None


def test_tables_hold_every_figure_and_the_terminal_a_line(judged):
    card = judged[1]
    metrics = {**card, "sharpe": 1.8, "sharpe_ci_low": 1.6, "sharpe_ci_high": 2.0}
    metrics["kpis"] = kpi.kpi_rows(metrics, votes=False)
    page = str(kpi_tables.figure_tables(metrics))
    for section in ("risk_figures", "trade_figures", "team_figures"):
        for key in card[section]:
            assert key.endswith(kpi_tables.BOUNDS) or key.replace("_", " ") in page
    assert "ensemble stability" in str(kpi_tables.kpi_table_pair(metrics))
    count = {row["status"]: 0 for row in metrics["kpis"]}
    for row in metrics["kpis"]:
        count[row["status"]] += 1
    line = kpi_tables.kpis_line(metrics)
    assert f"{count['cannot tell']} cannot tell" in line
    assert f"{count['met']} met" in line


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.6, 2.0, "met"),
        (0.1, 1.4, "not met"),
        (1.0, 2.0, "cannot tell"),
        (None, None, "cannot tell"),
    ],
)
def test_targets_are_held_against_the_interval(low, high, said):
    metrics = {"sharpe": 1.8, "sharpe_ci_low": low, "sharpe_ci_high": high}
    rows = kpi.kpi_rows(metrics, votes=False)
    row = next(row for row in rows if (row["team"], row["key"]) == ("strategic", "sharpe"))
    assert row["status"] == said
    assert {row["status"] for row in rows if row["key"] != "sharpe"} == {"cannot tell"}


def test_every_target_says_why_it_cannot_be_told():
    rows = kpi.kpi_rows({"trade_figures": {"slippage": 1e-4}}, votes=True)
    targets = [target for target in TARGETS if target.team != "strategic"]
    assert len({(row["team"], row["figure"]) for row in rows}) == len(targets)
    for row, target in zip(rows, targets, strict=True):
        assert (row["status"], row["value"] is None or row["figure"] == "slippage") == (
            "cannot tell",
            True,
        )
        assert row["why"], row
        assert bool(target.key) != bool(target.reason), row
    why = {row["figure"]: row["why"] for row in rows}
    assert why["slippage"] == kpi.NO_INTERVAL
    assert why["market impact"] == kpi.NO_VOLUME
    assert why["uptime"].startswith("of the service")


def test_only_targets_of_the_judged_team_are_held():
    assert {row["team"] for row in kpi.kpi_rows({}, votes=False)} == {"strategic", "system"}
    assert {row["team"] for row in kpi.kpi_rows({}, votes=True)} == {"tactical", "system"}


def test_an_account_that_never_traded_meets_no_target_but_those_of_the_model():
    held = {"max_drawdown": 0.0, "max_drawdown_ci_low": 0.0, "max_drawdown_ci_high": 0.0}
    metrics = {**held, "trades": 0.0, "model_megabytes": 1.0, "sharpe": 0.0}
    metrics |= {"trader": {"leverage_violations": 0}}
    for votes in (False, True):
        rows = kpi.kpi_rows(metrics, votes=votes)
        told = {row["key"]: row["status"] for row in rows if row["status"] != "cannot tell"}
        assert told == ({} if votes else {"model_megabytes": "met"})
        assert {row["why"] for row in rows if row["key"] == "max_drawdown"} == {kpi.NO_TRADES}
    traded = kpi.kpi_rows({**metrics, "trades": 1.0}, votes=True)
    told = {row["key"] for row in traded if row["status"] == "met"}
    assert told == {"max_drawdown", "trader.leverage_violations"}


def test_shares_of_one_are_shown_as_percent(judged):
    metrics = {**judged[1], "win_rate": 0.503, "win_rate_ci_low": 0.4, "win_rate_ci_high": 0.56}
    metrics["kpis"] = kpi.kpi_rows({**metrics, "max_drawdown": -0.0234}, votes=True)
    rows = {row["figure"]: row for row in kpi_tables.kpi_table_pair(metrics)[0].rows}
    assert rows["win rate"]["measured"] == ("50.3 %", "40 % to 56 %", "")
    assert rows["win rate"]["target"] == "> 55 %"
    assert rows["maximum drawdown"]["measured"].text == "\N{MINUS SIGN}2.34 %"
    risk, trips, *_ = kpi_tables.figure_tables(metrics)
    volatility = next(row["value"] for row in risk.rows if row["figure"] == "annual volatility")
    assert volatility.endswith(" %")
    assert "average win, currency" in {row["figure"] for row in trips.rows}


def test_a_reason_has_a_column_where_there_is_one():
    metrics = {"kpis": [row for row in kpi.kpi_rows({}, votes=True) if row["key"]]}
    assert "why" in kpi_tables.kpi_table_pair(metrics)[0].columns
    metrics = {"kpis": [{**row, "why": ""} for row in metrics["kpis"]]}
    assert "why" not in kpi_tables.kpi_table_pair(metrics)[0].columns


def test_counts_and_extremes_need_no_interval():
    trader = {"leverage_violations": 0, "worst_session": {"net_return": -0.03}}
    rows = {row["figure"]: row for row in kpi.kpi_rows({"trader": trader}, votes=True)}
    assert rows["leverage violations"]["status"] == "met"
    assert rows["leverage violations"]["target"] == "0"
    assert rows["worst session"]["status"] == "not met"
    assert rows["worst session"]["why"] == ""
    assert (
        kpi.kpi_rows({"trader": {"worst_session": None}}, votes=True)[0]["status"] == "cannot tell"
    )


def test_every_measured_target_has_its_figure(judged):
    scored, card = judged
    own = {"sharpe": 1.0, "max_drawdown": 0.1, "win_rate": 0.5, "profit_factor": 1.0}
    traded = Traded(scored.measured, scored.market, Instrument(name="x"), np.zeros(1, np.int8))
    told = trader(
        replace(traded, missed=np.zeros(len(scored.decisions), np.int8)), draws=100, seed=0
    )
    metrics = {**card, **own, "directional_accuracy": 0.5, "trader": told, "model_megabytes": 1.0}
    rows = [row for votes in (False, True) for row in kpi.kpi_rows(metrics, votes=votes)]
    keys = {target.key for target in MEASURED}
    absent = {row["key"] for row in rows if row["key"] in keys and row["value"] is None}
    assert absent == {"trade_figures.stop_adherence", "trade_figures.market_impact"}


def test_orders_are_counted_by_what_came_of_them(judged):
    scored, _ = judged
    measured, decisions = scored.measured, scored.decisions.copy()
    rows, count = session_of_row(measured.track), len(measured.trips)
    whole = ratio_values(order_ratios(measured, rows, decisions), measured.sessions)
    assert whole == {"order_success": 1.0, "sizing_accuracy": 1.0}
    flat = np.flatnonzero(~np.isin(np.arange(len(rows)), measured.trips.entry_row))
    said = decisions["rule"].astype(object).to_numpy().copy()
    said[flat[:3]] = "missed"
    said[flat[3:5]] = "below_lot"
    said[measured.trips.entry_row[:4]] = "partial"
    found = order_ratios(measured, rows, decisions.assign(rule=said))
    values = ratio_values(found, measured.sessions)
    assert values["order_success"] == pytest.approx(count / (count + 5))
    assert values["sizing_accuracy"] == pytest.approx((count - 4) / (count + 2))


def test_impact_is_the_square_of_the_share_of_the_volume(judged):
    measured, market = judged[0].measured, judged[0].market
    rows, trips, bar = session_of_row(measured.track), measured.trips, measured.track.bar
    volume = np.full(len(market.close), 1e6)
    told = ratio_values({"x": impact_ratio(measured, rows, volume, 0.1)}, measured.sessions)["x"]
    ends = trips.marked & (trips.reason == FLAT_REASONS.index("segment_end"))
    units = np.concatenate([trips.quantity, trips.quantity[~ends]])
    assert told == pytest.approx(0.1 * np.mean((units / 1e6) ** 2))
    volume[:] = 0.0  # nobody else traded: the whole price is moved
    nothing = ratio_values({"x": impact_ratio(measured, rows, volume, 0.1)}, measured.sessions)
    assert nothing["x"] == pytest.approx(0.1)
    volume[bar[trips.entry_row[0]] + 1] = trips.quantity[0] * 2
    entry = ratio_values({"x": impact_ratio(measured, rows, volume, 0.1)}, measured.sessions)["x"]
    assert entry == pytest.approx(0.1 - 0.1 * 0.75 / len(units), rel=1e-6)


def test_a_target_may_have_two_bounds():
    target = Target("strategic", "hours", "hours", low=2.0, high=6.0)
    assert target.words == "2 to 6"
    assert kpi.status(target, 4.0, 3.0, 5.0) == "met"
    assert kpi.status(target, 9.0, 8.0, 10.0) == "not met"
    assert kpi.status(target, 5.0, 4.0, 7.0) == "cannot tell"


def test_targets_name_the_one_figure_whose_interval_is_promised():
    assert {it.key for it in MEASURED} & {*COVERED} == {"sharpe"}
    assert "interval of the Sharpe ratio alone" in kpi_tables.KPI_NOTE
    assert "without a promise of coverage" in kpi_tables.KPI_NOTE
