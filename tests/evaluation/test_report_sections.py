"""The sections of a report that are told from sessions, trips and votes."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from fakes import fake_tape, fake_team, halves

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures.metrics import measure, session_sharpe
from grandmodel.evaluation.measures.vote_report import VoteJudge
from grandmodel.evaluation.report.confidence import bins_of, confidence_sections, voters
from grandmodel.evaluation.report.over_time import month_rows, over_time, rolling
from grandmodel.evaluation.report.provenance import origin_section, trial_section
from grandmodel.evaluation.report.trips import trip_sections, window


def judged_on(bars=4_000, paths=1, cuts=2):
    """A bold team over a fake market: account, decisions, closes, votes."""
    tape = fake_tape(bars, paths=paths)
    market, config, team = Market.of(tape), EnvConfig(), fake_team()
    judge = Judge(tape, halves(tape, cuts), config, [JudgeRule("argmax", 0.4)], detail=True)
    judgement = judge(team)
    own = measure(judgement.track(0, market), market, 252.0)
    votes = VoteJudge(tape, config, (), 6)(judgement, 0)
    decisions = judgement.decisions(0, market).assign(**votes.columns)
    return own, decisions, market.close[own.track.bar], votes, team.names


@pytest.fixture(scope="module")
def judged():
    return judged_on()


def number(cell):
    text = cell.text.replace("\N{MINUS SIGN}", "-")
    return float(text) if text else 0.0


def test_months_chain_to_the_total_return(judged):
    own = judged[0]
    rows = month_rows(own)
    assert [row["year"] for row in rows] == ["2020"]
    months = [number(row[name]) for row in rows for name in list(row)[1:-1]]
    assert np.prod(1 + np.array(months) / 100) - 1 == pytest.approx(
        own.scalars["total_return"], abs=2e-3
    )
    assert number(rows[0]["whole"]) == pytest.approx(100 * own.scalars["total_return"], abs=0.051)
    closes = pd.to_datetime(own.sessions.close_time_ns, utc=True)
    september = own.sessions.net[closes.month == 9]
    assert number(rows[0]["Sep"]) == pytest.approx(100 * (np.prod(1 + september) - 1), abs=0.051)
    assert rows[0]["Jan"].text == ""


def test_months_of_several_paths_are_their_mean():
    several = judged_on(1_200, paths=3, cuts=1)[0]
    whole = number(month_rows(several)[0]["whole"])
    assert whole == pytest.approx(100 * several.scalars["total_return"], abs=0.051)


def test_a_rolling_window_is_the_figure_of_its_sessions(judged):
    own = judged[0]
    found = rolling(own)
    assert found is not None
    assert found.window == len(own.sessions) // 4
    last = own.sessions.net[-found.window :]
    assert found.sharpe[-1] == pytest.approx(float(session_sharpe(last, 252.0)))
    first_rows = int(own.sessions.sums[: found.window, 0].sum())
    held = np.abs(own.track.position[:first_rows])
    assert found.exposure[0] == pytest.approx(held.mean())
    assert len(found.x) == len(found.sharpe) == len(own.sessions) - found.window + 1
    titles = [section.title for section in over_time(own, {})]
    assert titles == ["Rolling Sharpe ratio", "Net return by month, %", "Exposure and turnover"]


def test_too_few_sessions_do_not_roll():
    short = judged_on(1_200)[0]
    assert rolling(short) is None
    assert [section.title for section in over_time(short, {})] == ["Net return by month, %"]


def test_round_trips_are_drawn_where_they_were_filled(judged):
    own, decisions, close, _, _ = judged
    first, last, inside = window(own)
    assert 0 < last - first <= 300
    assert last == own.trips.exit_row.max() + 1
    assert (own.trips.entry_row[inside] >= first).all()
    on_price, spread = trip_sections(own, decisions, close)
    figure = on_price.blocks[0].figure
    drawn = {trace.name: trace for trace in figure.data}
    entries = [*drawn["long entry"].y, *drawn["short entry"].y]
    np.testing.assert_allclose(sorted(entries), sorted(own.trips.entry_price[inside]), rtol=1e-6)
    np.testing.assert_allclose(drawn["exit"].y, own.trips.exit_price[inside], rtol=1e-6)
    assert on_price.blocks[0].rows[-1]["bars"] == own.trips.bars_held[inside[-1]]
    assert len(spread.blocks[0].rows) == 7
    nothing = dataclasses.replace(
        own, trips=type(own.trips)(**{k: v[:0] for k, v in vars(own.trips).items()})
    )
    assert trip_sections(nothing, decisions, close) == []


def test_bins_by_hand():
    found = bins_of(
        np.array([0.41, 0.45, 0.95, 1.0, np.nan, 0.5]), np.array([1, 0, 1, 1, 1, np.nan])
    )
    assert found.votes.tolist() == [0, 0, 0, 0, 2, 0, 0, 0, 0, 2]
    assert found.confidence[4] == pytest.approx(0.43)
    assert found.right[[4, 9]].tolist() == [0.5, 1.0]
    assert np.isnan(found.right[0])


def test_bins_add_up_to_the_calibration_error(judged):
    _, decisions, _, votes, names = judged
    found = voters(decisions, names, votes.team_right)
    told = {**votes.figures["agents"], "team": votes.figures["team"]}
    assert set(found) == set(told)
    for name, bins in found.items():
        at = bins.votes > 0
        off = np.abs(bins.right - bins.confidence)[at] @ bins.votes[at] / bins.votes.sum()
        assert off == pytest.approx(told[name]["calibration_error"], abs=1e-6)
        assert bins.votes.sum() == told[name]["votes"]
    section = confidence_sections(decisions, names, votes.team_right)[0]
    assert len(section.blocks[0].figure.data) == 1 + len(found)
    assert confidence_sections(None, names, None) == []


def test_what_was_tried_and_how_to_get_it_again_is_told():
    metrics = {
        "trials": 12, "deflated_sharpe": 0.91, "pbo": None, "test_openings": 2,
        "standing": {"configurations": 3, "lucky_sharpe": 1.25, "superior_ability_p": None},
    }  # fmt: skip
    rows = {row["figure"]: row["value"] for row in trial_section(metrics).blocks[0].rows}
    assert rows["trials on these bars, this one included"] == "12"
    assert rows["sealed test split"] == "opened twice so far"
    assert rows["Sharpe ratio that luck alone would reach in so many"] == "1.25"
    assert rows["probability of overfitting (below 20 % is asked for)"] == "\N{EN DASH}"
    assert not trial_section({}).blocks[0].rows
    origin = origin_section({"command": "python train.py seed=3"}).blocks[0].rows
    assert origin == [{"what": "command", "value": "python train.py seed=3"}]
