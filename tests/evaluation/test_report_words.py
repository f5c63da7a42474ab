import pytest
from rich.console import Console

from grandmodel.evaluation.report.controls import control_sections
from grandmodel.evaluation.report.provenance import trial_section
from grandmodel.evaluation.report.tables import terminal_table
from grandmodel.evaluation.report.trader_page import _worth_rows
from grandmodel.evaluation.report.words import (
    control_lines,
    interval_note,
    judged_text,
    kept_text,
    paths_note,
)

COSTS = [
    {"cost_scale": scale, "delay_bars": delay, "sharpe": 2.0 - scale - delay, "total_return": 0.1,
     "net_mean_bp": 0.1, "trades": 10.0}
    for delay in (0, 1) for scale in (0.0, 0.5, 1.0, 2.0)
]  # fmt: skip
TOLD = {
    "sharpe": 1.0, "sharpe_ci_low": 0.3, "sharpe_ci_high": 1.7, "trades": 12.0, "paths": 8,
    "sessions": 640, "round_trips": 96, "total_return": 2983.4567, "total_return_ci_low": -1.599,
    "total_return_ci_high": 49.8291, "max_drawdown": 0.1, "max_drawdown_ci_low": 0.05,
    "max_drawdown_ci_high": 0.2, "win_rate": 0.5, "cost_paid": 123_456.0,
    "cost_paid_ci_low": 100_000.0, "cost_paid_ci_high": 223_456.0,
    "baselines": {"vol_target": {"sharpe": 0.5}, "privileged_student": {"sharpe": 2.0}},
    "controls": {
        "costs": COSTS, "break_even_cost_scale": 3.25,
        "delay": [{"name": "1 decision", "sharpe": 0.7, "kept": 0.7, "reason": None}],
        "phase_randomised": {"draws": 20, "sharpe": [0.1, 0.2], "real_sharpe": 0.9,
                             "sharpe_median": 0.15, "sharpe_p95": 0.2, "p_value": 0.048},
    },
}  # fmt: skip


def without(*keys, **more):
    return {key: value for key, value in TOLD.items() if key not in keys} | more


def test_the_terminal_tells_the_controls_in_two_lines():
    costs, others = control_lines(TOLD)
    assert costs == (
        "costs x 0 / 0.5 / 1 / 2: Sharpe 2.00 / 1.50 / 1.00 / 0.00; breaks even at costs x 3.25"
    )
    late, random = others.split("; ")
    assert late == "one decision late: Sharpe 0.70 (70.0 % kept)"
    assert random == "on bars with random phases it earns as much in 0 of 20 draws (p = 0.048)"
    trained = TOLD["controls"] | {"phase_randomised": None, "break_even_cost_scale": -1.0}
    costs, others = control_lines(without(controls=trained))
    assert costs.endswith("it lost money before costs")
    assert "phases" not in others
    assert control_lines(without("controls")) == []
    assert control_lines(without(trades=0.0)) == ["controls: none, it never traded"]


@pytest.mark.parametrize(
    ("kept", "low", "text"),
    [(0.7, 0.3, "70.0 %"), (-3.687, 0.3, "none"), (-3.687, -0.3, "undefined"),
     (0.7, None, "undefined"), (None, 0.3, "\N{EN DASH}"), (None, -0.3, "undefined")],
)  # fmt: skip
def test_a_share_is_kept_only_of_a_sharpe_that_is_told_from_zero(kept, low, text):
    late = [{"name": "1 decision", "sharpe": -0.2, "kept": kept, "reason": None}]
    metrics = without(sharpe_ci_low=low, controls={**TOLD["controls"], "delay": late})
    assert kept_text(kept, metrics) == text
    section = next(it for it in control_sections(metrics) if it.title == "Orders that come later")
    assert section.blocks[0].rows[0]["kept"] == text
    said = control_lines(metrics)[1]
    assert "368" not in said
    wanted = f"(kept: {text})" if text in ("none", "undefined") else f"({text} kept)"
    assert wanted in said


def test_delays_that_no_bars_can_tell_keep_no_share():
    late = [{"name": "1 minute", "sharpe": None, "kept": None, "reason": "needs finer bars"}]
    metrics = without(sharpe_ci_low=-0.3, controls={**TOLD["controls"], "delay": late})
    section = next(it for it in control_sections(metrics) if it.title == "Orders that come later")
    assert section.blocks[0].rows[0]["kept"] == ""


def test_every_cost_and_delay_that_was_asked_for_is_told():
    rows = [{"cost_scale": cost, "delay_bars": delay, "sharpe": 5.0 - cost - delay}
            for delay in (0, 1, 2, 3) for cost in (0.0, 1.0, 2.0, 4.0)]  # fmt: skip
    costs, _, late = control_lines(without(controls={**TOLD["controls"], "costs": rows}))
    assert costs.startswith("costs x 0 / 1 / 2 / 4: Sharpe 5.00 / 4.00 / 3.00 / 1.00")
    assert late == (
        "2 / 3 decisions late, at costs x 1: Sharpe 2.00 / 1.00; "
        "the report shows every cost and delay"
    )
    many = [{"cost_scale": k / 4, "delay_bars": 0, "sharpe": 1.0} for k in range(9)]
    costs = control_lines(without(controls={"costs": many}))[0]
    assert costs.startswith("costs x 0 / 0.25 / 0.5 / 0.75 / 1 / 1.25 / 1.5 / 1.75 / ...: Sharpe")


def test_what_was_judged_is_named_by_its_days_sessions_and_paths():
    days = {"judged_from": "2024-09-01", "judged_to": "2025-02-14"}
    one = {"split": "test", "verdict": "cannot tell", "sessions": 114, "paths": 1}
    assert judged_text({**one, **days}) == "2024-09-01 to 2025-02-14, 114 sessions"
    assert judged_text(one | dict.fromkeys(days)) == "114 sessions"
    assert judged_text(TOLD) == "640 sessions on 8 paths"
    title = str(terminal_table({**TOLD, **one, **days}).title)
    assert title == "test, 2024-09-01 to 2025-02-14, 114 sessions: cannot tell"


def test_the_seal_that_is_told_is_said_to_be_the_runs_own():
    told = without(split="backtest", test_openings=8)
    caption = str(terminal_table(told).caption)
    assert "sealed test split of the run's own bars: opened 8 times so far" in caption
    assert trial_section(told).blocks[0].rows[-1]["figure"].endswith("the run's own bars")
    caption = str(terminal_table({**told, "split": "test"}).caption)
    assert "sealed test split: opened 8 times so far" in caption


@pytest.mark.parametrize(
    ("trades", "why"), [(0.0, "it never traded"), (4.0, "nothing is left before costs")]
)
def test_a_missing_break_even_cost_says_why(trades, why):
    told = {"unit": "ticks", "gross": None, "cost": None, "net": None, "break_even_cost": None}
    rows = _worth_rows({"trades": trades, "trader": told})
    assert rows[-1]["ticks a round trip"] == f"break-even cost: none, {why}"


def test_intervals_that_are_missing_are_explained():
    none = ("sharpe_ci_low", "sharpe_ci_high")
    assert interval_note(TOLD) == ""
    assert interval_note(without(*none, sessions=53, paths=1)) == (
        "no intervals: 53 sessions, at least 60 are needed"
    )
    assert interval_note(without(*none, sessions=106, paths=2)) == (
        "no intervals: 106 sessions on 2 paths, at least 60 are needed on each"
    )
    still = without(sharpe=0.0, sharpe_ci_low=0.0, sharpe_ci_high=0.0)
    assert interval_note({**still, "trades": 0.0}) == "no intervals: it never traded"
    assert interval_note(still) == "no intervals: nothing varies"


def test_means_of_paths_are_told_from_counts_over_all():
    assert paths_note(TOLD) == "figures are means of 8 paths (96 round trips in all)"
    assert paths_note(without(paths=1)) == ""


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_terminal_table_fits_and_breaks_no_figure(width):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(terminal_table(TOLD))
    lines = console.export_text().replace("\u202f", " ").splitlines()
    assert max(map(len, lines)) <= width
    heading = next(line for line in lines if "drawdown" in line)
    assert all(name in heading for name in ("Sharpe", "return", "wins", "trips", "costs"))
    low, high = (next(line for line in lines if line.split()[:1] == [word])
                 for word in ("95", "to"))  # fmt: skip
    assert "100 000" in low
    assert "\N{MINUS SIGN}159.9 %" in low
    assert "4 983 %" in high
    assert "figures are means of 8 paths (96 round trips in all)" in " ".join(lines)
