from dataclasses import replace

import pytest

from grandmodel.evaluation.controls.sweep import Strain
from grandmodel.evaluation.statistics.deflation import Deflation
from grandmodel.evaluation.statistics.intervals import Difference, Interval
from grandmodel.evaluation.statistics.standing import Standing
from grandmodel.evaluation.verdict import Evidence, judge_evidence

STANDING = Standing(Deflation(20, 0.05, 0.999, 0.99, 100.0), 3, None, None)
GOOD = Evidence(
    sharpe=Interval(0.8, 2.4),
    differences={
        name: Difference(1.0, 0.2, 1.8) for name in ("long_only", "vol_target", "ma_cross")
    },
    random_p=0.001,
    trips=400,
    sessions=1_260,
    years=5.0,
    best_share=0.1,
    chosen_here=False,
    standing=STANDING,
    strain=Strain(sharpe=1.6, late_sharpe=0.8, dear_mean_bp=0.01),
)


def test_good_evidence_is_shown():
    found = judge_evidence(GOOD)
    assert found.verdict == "shown"
    assert found.reason == (
        "clauses 1, 2, 3, 5, 6 and 7 hold. Clause 4: one of few trials (3 on these sessions)."
    )


def test_what_was_not_checked_is_said():
    found = judge_evidence(replace(GOOD, strain=None))
    assert found.verdict == "shown"
    assert found.reason == (
        "clauses 1, 2, 3 and 7 hold. Clause 4: one of few trials (3 on these sessions). "
        "Not yet checked: clauses 5 (one decision of delay), 6 (twice the costs)."
    )


def test_without_a_ledger_the_deflation_is_not_checked():
    found = judge_evidence(replace(GOOD, standing=None))
    assert found.verdict == "shown"
    assert "clauses 1, 2, 5, 6 and 7 hold" in found.reason
    assert "3 (deflation by trials), 4 (overfitting among configurations)." in found.reason
    assert "few trials" not in found.reason


def test_enough_configurations_are_judged_by_their_overfitting():
    many = replace(STANDING, configurations=8, overfitting=0.19, superior_p=0.01)
    found = judge_evidence(replace(GOOD, standing=many))
    assert found.verdict == "shown"
    assert "clauses 1, 2, 3, 4, 5, 6 and 7 hold" in found.reason
    assert "few trials" not in found.reason


def _deflated(value):
    return replace(STANDING, deflation=replace(STANDING.deflation, deflated=value))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trips": 99}, "clause 7: 99 round trips"),
        ({"sessions": 59}, "clause 7: 59 sessions"),
        ({"best_share": 0.5}, "clause 7: the best 5 sessions made 50% of the profit"),
        ({"best_share": 33.04}, "the best 5 sessions made more than all of the profit"),
        ({"trips": 99, "paths": 4}, "clause 7: 99 round trips on all 4 paths, 100 are needed"),
        ({"trips": 46, "middle": True}, "clause 7: 46 round trips on the path in the middle, 100"),
        ({"sessions": 45, "middle": True}, "clause 7: 45 sessions on the path in the middle, 60"),
        ({"best_share": 0.5, "middle": True}, "best 5 sessions on the path in the middle made"),
        ({"sessions": 59, "paths": 2}, "clause 7: 59 sessions on all 2 paths, 60 are needed"),
        ({"years": 1.95}, "only detect a Sharpe of 2.0"),
        ({"years": 0.0}, "only detect a Sharpe of inf"),
        ({"chosen_here": True}, "chosen on this split"),
    ],
)
def test_what_cannot_be_told_comes_first(change, words):
    bad = replace(GOOD, sharpe=Interval(-1.0, 1.0), **change)
    found = judge_evidence(bad)
    assert found.verdict == "cannot tell"
    assert words in found.reason
    assert "clause 1" not in found.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sharpe": Interval(0.0, 2.0)}, "clause 1"),
        ({"differences": {**GOOD.differences, "ma_cross": Difference(1, 0.0, 2)}}, "to ma_cross"),
        ({"random_p": 0.05}, "p = 0.050"),
        ({"random_p": None}, "no rank among random trades"),
        ({"standing": _deflated(0.95)}, "in 20 trials is 0.950"),
        ({"standing": _deflated(float("nan"))}, "clause 3"),
        ({"standing": replace(STANDING, configurations=8, overfitting=0.2)}, "probability 0.20"),
        ({"best_share": None, "sharpe": Interval(-2.0, -1.0)}, "clause 1"),
        ({"strain": Strain(2.0, 0.98, 0.1)}, "clause 5: one decision of delay keeps 49%"),
        ({"strain": Strain(2.0, float("nan"), 0.1)}, "clause 5: one decision of delay leaves no"),
        ({"strain": Strain(0.1, -0.37, 0.1)}, "delay keeps nothing: -0.37 is left of a Sharpe of"),
        ({"strain": Strain(0.0, 0.5, 0.1)}, "clause 5: there is no net Sharpe above zero"),
        ({"strain": Strain(2.0, 1.0, 0.0)}, "clause 6: at twice the costs the net mean is 0.000"),
    ],
)
def test_each_failing_clause_is_named(change, words):
    found = judge_evidence(replace(GOOD, **change))
    assert found.verdict == "not shown"
    assert words in found.reason


def test_an_absent_rival_is_named_as_not_checked():
    few = {"long_only": GOOD.differences["long_only"]}
    found = judge_evidence(replace(GOOD, differences=few))
    assert found.verdict == "shown"
    assert "2 (vol_target)" in found.reason
    assert "2 (ma_cross)" in found.reason


def test_just_two_years_are_enough():
    assert judge_evidence(replace(GOOD, years=1.961)).verdict == "shown"


def test_no_share_is_kept_of_a_sharpe_that_cannot_be_told_from_zero():
    weak = replace(GOOD, sharpe=Interval(-0.5, 0.7), strain=Strain(0.1, 0.02, 0.1))
    found = judge_evidence(weak)
    told = "clause 5: one decision of delay leaves 0.02 of a Sharpe that cannot be told from zero"
    assert told in found.reason
    assert "20%" not in found.reason
