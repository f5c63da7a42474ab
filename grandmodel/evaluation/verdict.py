"""The verdict: what a result shows, said first and with its reason.

Source: ``docs/definitions.md``, Verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.controls.sweep import Strain
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.statistics.deflation import minimum_detectable_sharpe
from grandmodel.evaluation.statistics.intervals import Difference, Interval
from grandmodel.evaluation.statistics.standing import Standing

SHOWN, NOT_SHOWN, CANNOT_TELL = "shown", "not shown", "cannot tell"
RIVALS = ("long_only", "vol_target", "ma_cross")
DETECTABLE_SHARPE = 2.0
MINIMUM_TRIPS = 100
MINIMUM_SESSIONS = 60
BEST_SESSIONS = 5
BEST_SHARE = 0.5
LEAST_DEFLATED = 0.95
MOST_OVERFITTING = 0.2
LEAST_KEPT = 0.5
AMONG_TRIALS = ("3 (deflation by trials)", "4 (overfitting among configurations)")
UNDER_STRAIN = ("5 (one decision of delay)", "6 (twice the costs)")


@dataclass(frozen=True)
class Evidence:
    """What the clauses are tested on; sessions of all paths pooled."""

    sharpe: Interval
    differences: Mapping[str, Difference]  # by name of the baseline
    random_p: float | None  # rank among random trades
    trips: int
    sessions: int
    years: float
    best_share: float | None  # share of the best five sessions in the profit; None: no profit
    chosen_here: bool  # checkpoint or gate was chosen on these bars
    standing: Standing | None  # among the trials on these bars; None: not yet checked
    causal: bool = True  # nothing was trained on bars after those that were judged
    strain: Strain | None = None  # with late orders and at twice the costs; None likewise
    paths: int = 1  # whose sessions and round trips are counted together
    middle: bool = False  # that of several paths over the same bars which stands for them
    left_out: tuple[int, ...] = ()  # seeds that were judged on these bars and do not count here


@dataclass(frozen=True)
class Verdict:
    """One of `shown`, `not shown`, `cannot tell`, and why."""

    verdict: str
    reason: str


def gather(
    measured: Measured,
    sharpe: Interval,
    differences: Mapping[str, Difference],
    random_p: float | None,
    *,
    chosen_here: bool,
    standing: Standing | None = None,
    strain: Strain | None = None,
    causal: bool = True,
) -> Evidence:
    """Collect the evidence of a measured track."""
    net = measured.sessions.net
    return Evidence(
        sharpe=sharpe,
        differences=differences,
        random_p=random_p,
        trips=len(measured.trips),
        sessions=len(net),
        years=len(net) / measured.sessions_per_year,
        best_share=best_share(net),
        chosen_here=chosen_here,
        causal=causal,
        standing=standing,
        strain=strain,
        paths=len(measured.sessions.paths),
    )


def best_share(net: NDArray[np.float64]) -> float | None:
    """Share of the best five sessions in the profit of all, ``net`` [session]; None: no profit."""
    profit = float(net.sum())
    return float(np.sort(net)[-BEST_SESSIONS:].sum()) / profit if profit > 0 else None


def judge_evidence(evidence: Evidence) -> Verdict:
    """Say what the evidence shows; what cannot be told is said before anything else."""
    silent = _cannot_tell(evidence)
    if silent:
        return Verdict(CANNOT_TELL, _sentence(silent, evidence))
    failing = _failing(evidence)
    if failing:
        return Verdict(NOT_SHOWN, _sentence(failing, evidence))
    return Verdict(SHOWN, _sentence([f"clauses {_joined(_held(evidence))} hold"], evidence))


def _cannot_tell(evidence: Evidence) -> list[str]:
    """Reasons why these bars cannot answer the question."""
    reasons = []
    if not evidence.causal:
        reasons.append(
            "non-causal: teams were trained on bars after those that they are judged on, so this "
            "tells how results spread and not what could have been earned"
        )
    if evidence.chosen_here:
        reasons.append("the checkpoint or its gate was chosen on this split")
    if evidence.left_out:
        numbers = ", ".join(map(str, evidence.left_out))
        reasons.append(
            f"other seeds of the configuration were judged on these bars and are left out "
            f"({numbers}), so which seeds count was chosen here; give all of them in runs="
        )
    detectable = minimum_detectable_sharpe(evidence.years)
    if detectable > DETECTABLE_SHARPE:
        reasons.append(
            f"{evidence.years:.2f} years can only detect a Sharpe of {detectable:.1f} or more "
            f"(at most {DETECTABLE_SHARPE:g} is asked for)"
        )
    on = f" on all {evidence.paths} paths" if evidence.paths > 1 else ""
    if evidence.middle:
        on = " on the path in the middle"
    if evidence.trips < MINIMUM_TRIPS:
        reasons.append(f"clause 7: {evidence.trips} round trips{on}, {MINIMUM_TRIPS} are needed")
    if evidence.sessions < MINIMUM_SESSIONS:
        reasons.append(f"clause 7: {evidence.sessions} sessions{on}, {MINIMUM_SESSIONS} are needed")
    share = evidence.best_share
    if share is not None and share >= BEST_SHARE:
        made = "more than all" if share > 1.0 else f"{share:.0%}"
        reasons.append(
            f"clause 7: the best {BEST_SESSIONS} sessions{on} made {made} of the profit, less "
            f"than {BEST_SHARE:.0%} is needed"
        )
    return reasons


def _failing(evidence: Evidence) -> list[str]:
    """The clauses that fail, each as a phrase."""
    reasons = []
    if evidence.sharpe.low <= 0:
        reasons.append(f"clause 1: the lower bound of the net Sharpe is {evidence.sharpe.low:.2f}")
    for name in RIVALS:
        if name in evidence.differences and evidence.differences[name].low <= 0:
            low = evidence.differences[name].low
            reasons.append(f"clause 2: the lower bound of the difference to {name} is {low:.2f}")
    if evidence.random_p is None:
        reasons.append("clause 2: there is no rank among random trades")
    elif evidence.random_p >= 0.05:
        reasons.append(f"clause 2: random trades do as well (p = {evidence.random_p:.3f})")
    return [
        *reasons,
        *_failing_among_trials(evidence.standing),
        *_failing_under_strain(evidence),
    ]


def _failing_among_trials(standing: Standing | None) -> list[str]:
    """Clauses 3 and 4, where they were checked."""
    if standing is None:
        return []
    reasons = []
    found = standing.deflation
    if not found.deflated > LEAST_DEFLATED:
        reasons.append(
            f"clause 3: the probability of a Sharpe above what luck finds in {found.trials} "
            f"trials is {found.deflated:.3f}, more than {LEAST_DEFLATED:g} is needed"
        )
    if standing.overfitting is not None and standing.overfitting >= MOST_OVERFITTING:
        reasons.append(
            f"clause 4: among {standing.configurations} configurations the best of one half is "
            f"no better than the median on the other with probability "
            f"{standing.overfitting:.2f}, less than {MOST_OVERFITTING:g} is needed"
        )
    return reasons


def _failing_under_strain(evidence: Evidence) -> list[str]:
    """Clauses 5 and 6, where they were checked."""
    strain = evidence.strain
    if strain is None:
        return []
    reasons = []
    if strain.kept is None:
        reasons.append("clause 5: there is no net Sharpe above zero that a delay could leave")
    elif not strain.kept >= LEAST_KEPT:
        kept = f"keeps {strain.kept:.0%} of the net Sharpe"
        if strain.kept != strain.kept:
            kept = "leaves no Sharpe that could be told"
        elif not strain.kept > 0.0:
            kept = f"keeps nothing: {strain.late_sharpe:.2f} is left of a Sharpe of "
            kept += f"{strain.sharpe:.2f}"
        elif not evidence.sharpe.low > 0.0:
            kept = f"leaves {strain.late_sharpe:.2f} of a Sharpe that cannot be told from zero "
            kept += f"({strain.sharpe:.2f})"
        needed = f"{LEAST_KEPT:.0%} is needed"
        reasons.append(f"clause 5: one decision of delay {kept}, {needed}")
    if not strain.dear_mean_bp > 0.0:
        reasons.append(
            f"clause 6: at twice the costs the net mean is {strain.dear_mean_bp:.3f} bp a "
            "decision, more than 0 is needed"
        )
    return reasons


def _held(evidence: Evidence) -> list[str]:
    """The clauses that were checked, by number."""
    standing = evidence.standing
    deflated = [] if standing is None else ["3"]
    chosen = [] if standing is None or standing.overfitting is None else ["4"]
    strained = [] if evidence.strain is None else ["5", "6"]
    return ["1", "2", *deflated, *chosen, *strained, "7"]


def _joined(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _sentence(reasons: list[str], evidence: Evidence) -> str:
    """Join the reasons and name what was not checked."""
    absent = [f"2 ({name})" for name in RIVALS if name not in evidence.differences]
    standing = evidence.standing
    few = ""
    if standing is not None and standing.overfitting is None:
        few = f" Clause 4: one of few trials ({standing.configurations} on these sessions)."
    among_trials = AMONG_TRIALS if standing is None else ()
    under_strain = UNDER_STRAIN if evidence.strain is None else ()
    unchecked = [*absent, *among_trials, *under_strain]
    rest = f" Not yet checked: clauses {', '.join(unchecked)}." if unchecked else ""
    return f"{'; '.join(reasons)}.{few}{rest}"
