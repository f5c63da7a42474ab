"""Controls as sections of a report."""

import pytest

from grandmodel.evaluation.controls.plateau import plateau_rows
from grandmodel.evaluation.report.controls import control_sections, plateau_section
from grandmodel.evaluation.report.html import html_of
from grandmodel.evaluation.report.markdown import text_of

MINUS = "\N{MINUS SIGN}"


def cell_of_costs(cost, delay, sharpe):
    return {
        "cost_scale": cost, "delay_bars": delay, "sharpe": sharpe, "total_return": 0.01,
        "net_mean_bp": -0.0125, "trades": 12.0,
    }  # fmt: skip


RECORD = {
    "costs": [cell_of_costs(1.0, 0, 1.25), cell_of_costs(2.0, 0, None), cell_of_costs(1.0, 2, 0.5)],
    "break_even_cost_scale": 3.456,
    "delay": [
        {"name": "1 minute", "sharpe": None, "kept": None, "reason": "needs finer bars"},
        {"name": "1 decision", "sharpe": 0.5, "kept": 0.4, "reason": None},
    ],
    "regimes": [
        {"regime": "trend_up", "share": 0.25, "exposure": 0.5, "net_mean_bp": 0.1, "sharpe": None}
    ],
    "phase_randomised": {
        "draws": 3, "sharpe": [0.0, 1.0, 2.0], "real_sharpe": 4.0, "sharpe_median": 1.0,
        "sharpe_p95": 1.9, "p_value": 0.25,
    },
    "label_shift": {
        "shift_decisions": [46, 92], "sharpe": [-1.0, 1.0], "unshifted_sharpe": 0.5,
        "p_value": 2 / 3,
    },
    "capacity": [
        {"multiple": 10, "units": 1234.5, "capital": 1e6, "sharpe": 0.5, "net_mean_bp": 0.1}
    ],
}  # fmt: skip


def test_every_control_has_its_section():
    found = control_sections({"controls": RECORD, "sharpe_ci_low": 0.2})
    assert [section.title for section in found] == [
        "Other costs", "Orders that come later", "By regime", "Bars with random phases",
        "Positions at other times", "Capacity",
    ]  # fmt: skip
    text = text_of(found)
    assert "gross profit is 3.46 times its costs" in text
    assert f"{MINUS}0.013" in text or f"{MINUS}0.012" in text
    assert "shifts p cannot fall below 0.333" in text
    assert "draws p cannot fall below 0.250" in text
    assert text.count("factor on costs") == 1  # no table stands for the figure and for itself
    assert "Nothing to report" not in text
    for words in ("needs finer bars", "40.0 %", "trend up", "0.250", "0.667", "1 000 000"):
        assert words.replace(" ", "") in text.replace("\N{NARROW NO-BREAK SPACE}", "").replace(
            " ", ""
        )
    page = html_of(found)
    assert page.count("plotly-graph-div") == 4
    assert "nan" not in page.lower().replace("financ", "")


def test_an_unknown_capacity_says_why():
    (section,) = control_sections(
        {"controls": {"capacity": None, "capacity_reason": "capacity unknown: no volume"}}
    )
    assert "capacity unknown: no volume" in text_of([section])


def test_a_loss_before_costs_is_called_one():
    costs = {"costs": [cell_of_costs(1.0, 0, -1.0)], "break_even_cost_scale": -0.2}
    assert "It lost money before costs." in text_of(control_sections({"controls": costs}))


@pytest.mark.parametrize("metrics", [{}, {"controls": None}, {"controls": {"costs": []}}])
def test_where_nothing_was_controlled_nothing_is_shown(metrics):
    assert control_sections(metrics) == []


def test_reasons_stand_only_where_something_is_not_available():
    one = {"controls": {"delay": RECORD["delay"][1:]}}
    assert "not available" not in text_of(control_sections(one))


def test_a_plateau_marks_the_best_and_what_its_neighbours_keep():
    rows = plateau_rows([({"lr": 1.0}, 0.5), ({"lr": 2.0}, 2.0), ({"lr": 4.0}, 1.5)])
    section = plateau_section(rows)
    text = text_of([section])
    assert "**2.00**" in text
    assert "**1.50**" not in text
    assert [row["next to it keeps"] for row in section.blocks[0].rows] == ["25.0 %"]
    assert [row["share of the best"] for row in section.blocks[1].rows] == [
        "25.0 %", "100.0 %", "75.0 %",
    ]  # fmt: skip
    assert html_of([section]).count("plotly-graph-div") == 1


def test_a_plateau_is_drawn_from_zero_at_the_values_that_were_tried():
    steps = [({"a.lr": 1e-4}, 1.05), ({"a.lr": 1e-3}, 1.0), ({"a.lr": 1e-2}, 0.9)]
    (wide,) = plateau_section(plateau_rows(steps)).blocks[1:]
    figure = wide.figure
    assert (figure.layout.xaxis.type, figure.layout.yaxis.rangemode) == ("log", "tozero")
    assert figure.layout.xaxis.ticktext == ("0.0001", "0.001", "0.01")
    assert list(figure.data[0].marker.size) == [14, 7, 7]
    assert "a.lr" not in wide.rows[0]  # a heading would lose its underscores
    near = plateau_section(plateau_rows([({"g": 0.9}, 0.5), ({"g": 0.99}, 1.0)])).blocks[1]
    assert near.figure.layout.xaxis.type == "linear"
