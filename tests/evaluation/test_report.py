import dataclasses
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from fakes import fake_tape, fake_team, halves
from rich.console import Console

from grandmodel.envs.config import EnvConfig
from grandmodel.evaluation.accounts.scripted import run_positions
from grandmodel.evaluation.accounts.track import Market
from grandmodel.evaluation.judging.judge import Judge, JudgeRule
from grandmodel.evaluation.measures.metrics import measure
from grandmodel.evaluation.outputs import metrics_record
from grandmodel.evaluation.references.rules import describe_grid
from grandmodel.evaluation.report.contents import ReportData, sections
from grandmodel.evaluation.report.curves import drawdown_rows, equity_curve, thin
from grandmodel.evaluation.report.html import rows_html
from grandmodel.evaluation.report.markdown import rows_text
from grandmodel.evaluation.report.page import page, text, write_report
from grandmodel.evaluation.report.section import ALARM, Cell
from grandmodel.evaluation.report.tables import (
    cost_rows,
    metrics_rows,
    shown,
    terminal_table,
)
from grandmodel.evaluation.statistics.intervals import intervals, with_intervals


def report_data(bars=3_000, paths=1, cuts=1, title="strategic on fake", per_session=46):
    """Everything a page shows, from a fake market, a fresh team and scripted baselines."""
    tape = fake_tape(bars, paths=paths, bars_per_session=per_session)
    market = Market.of(tape)
    segments = halves(tape, cuts)
    team = fake_team()
    judgement = Judge(tape, segments, EnvConfig(), [JudgeRule("challenger", 0.4)], detail=True)(
        team
    )
    own = measure(judgement.track(0, market), market, 252.0)
    rows = len(tape)
    wanted = {
        "flat": np.zeros(rows, np.int8),
        "long_only": np.ones(rows, np.int8),
        "ma_cross": np.where(np.arange(rows) // 40 % 2, 1, -1).astype(np.int8),
        "random": np.repeat(np.random.default_rng(1).integers(-1, 2, rows // 12 + 1), 12)[:rows],
    }
    baselines = {
        name: measure(
            run_positions(tape, segments, target.astype(np.int8), EnvConfig()), market, 252.0
        )
        for name, target in wanted.items()
    }
    metrics = metrics_record(
        own,
        intervals(own, draws=300, seed=0),
        split="test",
        verdict="cannot tell",
        verdict_reason="0.25 years can only detect a Sharpe of 5.6 or more. Not yet checked: 3.",
        env_steps=rows,
        env_steps_per_s=1.0,
        seconds=1.0,
        baselines={
            name: with_intervals(found.scalars, intervals(found, draws=300, seed=0))
            for name, found in baselines.items()
        },
    )
    decisions = judgement.decisions(0, market)
    bars_of_row = np.concatenate(judgement.bars())
    return ReportData(
        title=title,
        facts={"agent": "strategic", "instrument": "fake", "split": "test"},
        metrics=metrics,
        own=own,
        baselines=baselines,
        decisions=decisions,
        close=market.close[bars_of_row],
        agents=team.names,
        costs={"commission": 0.0, "fee_bps": 1.0, "half_spread_ticks": None},
        quality=[{"finding": "duplicates", "count": 0}, {"finding": "price jumps", "count": 3}],
        gate_sharpes={0.1: -0.4, 0.4: 1.1, 0.65: 0.2},
        gate=0.4,
        notes=["One note that must be read."],
    )


@pytest.fixture(scope="module")
def data():
    return report_data()


def drawn(data):
    return page(data, sections(data))


def test_page_is_self_contained_and_small(data, tmp_path):
    write_report(tmp_path, data)
    text = (tmp_path / "report.html").read_text()
    assert len(text.encode()) < 5_400_000
    outside = text.replace(text[text.index("<script>") : text.index("</script>")], "", 1)
    assert not re.search(r"""(src|href)=["']""", outside)
    assert "http" not in outside.split("</style>")[0]


def test_ten_years_beside_ten_baselines_stay_small():
    data = report_data(5_400, per_session=2)
    many = {f"learned {number}": data.baselines["random"] for number in range(10)}
    found = sections(dataclasses.replace(data, baselines=many))
    text = page(data, found)
    assert len(data.own.sessions) == 2_700
    assert len(text.encode()) < 5_250_000  # targets, controls and trader's page are to come
    for section in found:
        for block in section.blocks:
            for trace in getattr(block, "figure", go.Figure()).data:
                assert len(trace.y) <= 2_000, (section.title, trace.name)


def test_page_says_why_decisions_were_taken(data):
    text = drawn(data)
    assert "no other class passed the gate, the position stays" in text
    held = (data.decisions["rule"] == "challenger_held").mean()
    assert f"{100 * held:.1f} %" in text
    assert "liquidation" not in text
    for name in data.agents:
        share = 100 * data.decisions[f"agrees_{name}"].mean()
        row = f'>agrees with the pooled decision</th><td class="w">{name}</td><td>{share:.1f} %'
        assert row in text


def test_page_says_the_verdict_before_any_figure(data):
    text = drawn(data)
    body = text[text.index("<body>") :]
    assert body.index("cannot tell") < body.index("plotly-graph-div")
    assert "5.6 or more" in body
    assert '<p class="alarm">One note that must be read.</p>' in body


def test_page_prints_the_grid_of_the_references(data):
    assert "hysteresis" not in drawn(data)
    metrics = data.metrics | {"reference_grid": describe_grid()}
    assert describe_grid() in drawn(dataclasses.replace(data, metrics=metrics))


def test_zero_or_unset_costs_are_marked():
    text = rows_html(cost_rows({"commission": 0.0, "fee_bps": 1.0, "half_spread_ticks": None}))
    assert text.count('alarm">') == 2
    assert ">1</td>" in text


def test_tables_show_policy_beside_every_baseline(data):
    text = rows_html(metrics_rows(data.metrics))
    for name in ("policy", "flat", "long only", "ma cross", "random"):
        assert f"<th>{name}</th>" in text
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(terminal_table(data.metrics))
    console.print(
        terminal_table(data.metrics | {"test_openings": 3, "reference_grid": describe_grid()})
    )
    printed = console.export_text()
    assert printed.count("sealed test split") == 1
    assert "sealed test split: opened 3 times so far" in printed
    assert " ".join(printed.split()).count(describe_grid()) == 1
    for name in ("policy", "95 % interval", "flat", "long_only", "ma_cross", "random"):
        assert name in printed


def test_several_paths_are_averaged_over_sessions():
    found = equity_curve(report_data(600, paths=3, cuts=2).own, band_seed=0)
    assert len(found.paths) == 3
    np.testing.assert_allclose(found.level, np.mean(found.paths, axis=0))
    assert (found.low <= found.high).all()


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [(None, "number", "\N{EN DASH}"), (0.123, "percent", "12.3 %"), (1234.0, "count", "1 234")],
)
def test_figures_are_formatted(value, kind, text):
    assert shown(value, kind).replace("\u202f", " ") == text


def test_thinning_keeps_both_ends():
    kept = thin(10_001, 2_000)
    assert len(kept) <= 2_000
    assert kept[0] == 0
    assert kept[-1] == 10_000


def test_flat_session_edges_are_said_to_bind_everybody(data):
    flat = data.metrics | {"edge": "flat"}
    for edge, said in ((flat, True), (data.metrics | {"edge": "carry"}, False)):
        console = Console(width=200, record=True)
        console.print(terminal_table(edge))
        assert ("env.edge=flat: policy, baselines" in console.export_text()) == said
        assert ("env.edge=flat: policy, baselines" in drawn(replaced(data, edge))) == said


def replaced(data, metrics):
    return dataclasses.replace(data, metrics=metrics)


def test_what_is_missing_is_a_dash():
    shown_row = rows_html([{"a": float("nan"), "b": pd.NaT, "c": None, "d": 0.5}])
    assert shown_row.count(">\N{EN DASH}</t") == 3
    assert "<td>0.5</td>" in shown_row


def test_text_says_the_same_as_the_page_verdict_first(data, tmp_path):
    write_report(tmp_path, data)
    found = sections(data)
    said = (tmp_path / "report.md").read_text()
    assert said == text(data, found)
    assert said.index("**cannot tell**: 0.25 years") < said.index("| ")
    assert "**NOTE: One note that must be read.**" in said
    drawn_page = page(data, found)
    for section in found:
        assert f"\n## {section.title}\n" in said
        assert f"<h2>{section.title}</h2>" in drawn_page
        for block in section.blocks:
            assert rows_text(block.rows) in said
            assert len(block.rows) > 0, section.title


def test_tables_of_a_text_are_whole_and_straight():
    rows = [
        {"name": "a|b\nc", "value": Cell("1.5", "1.2 to 1.8", ALARM)},
        {"name": "d", "other": None, "value": 12_345.6},
    ]
    assert rows_text(rows).replace("\u202f", " ") == (
        "| name   |                value | other |\n"
        "| ------ | -------------------: | ----: |\n"
        "| a\\|b c | **1.5** (1.2 to 1.8) |     \N{EN DASH} |\n"
        "| d      |               12 346 |     \N{EN DASH} |\n"
    )
    assert rows_text([]) == "Nothing to report.\n"


def test_the_page_is_the_same_bytes_again(data):
    assert drawn(data) == drawn(data)


def test_a_reason_stays_on_one_line_and_breaks_no_table(data):
    metrics = data.metrics | {"verdict_reason": "of a|b\nand <c>"}
    odd = dataclasses.replace(data, metrics=metrics)
    assert "**cannot tell**: of a\\|b and <c>\n" in text(odd, [])
    assert "and &lt;c&gt;" in page(odd, [])


def test_means_and_missing_intervals_are_told_beside_the_figures():
    many = report_data(600, paths=3, cuts=2)
    said = text(many, sections(many))
    assert said.count("Figures are means of 3 paths") == 2  # beside the verdict and the table
    assert "No intervals: " in said
    assert "at least 60 are needed on each. Figures are means of 3 paths" in said
    assert "studentised" not in said
    alone = report_data()
    assert "No intervals" not in text(alone, sections(alone))


def test_an_account_that_never_traded_has_no_band_beside_its_curve(data):
    still = data.baselines["flat"]
    assert equity_curve(still, band_seed=0).low is None
    found = dataclasses.replace(data, own=still)
    said = text(found, [sections(found)[0]])
    assert "1.000 to 1.000" not in said
    assert "band" not in said
    assert "band" in text(data, [sections(data)[0]])


def test_falls_are_told_with_the_minus_of_all_figures(data):
    own = equity_curve(data.own)
    told = [str(row["policy"].text) for row in drawdown_rows(own, {"other": own})]
    assert any(text.startswith("\N{MINUS SIGN}") for text in told)
    assert not any(text.startswith("-") for text in told)
