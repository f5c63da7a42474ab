"""Seeds of one configuration judged as one account: an equal share of the money with each.

Source: ``docs/definitions.md``, Seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.evaluation.controls.sweep import DEAR, Strain
from grandmodel.evaluation.measures.metrics import number, session_sharpe
from grandmodel.evaluation.outputs import LATE_COLUMN, OWN_COLUMN
from grandmodel.evaluation.statistics.intervals import (
    Difference,
    Interval,
    automatic_block,
    block_length,
    sharpe_of_nets,
)
from grandmodel.evaluation.statistics.standing import (
    Series,
    Standing,
    Together,
    configuration_returns,
    standing_of,
    standing_record,
    trial_moments,
)
from grandmodel.evaluation.trials.ledger import TRAINED, Trial, moments
from grandmodel.evaluation.trials.ledger_lines import LedgerLines
from grandmodel.evaluation.verdict import RIVALS, Evidence, best_share, judge_evidence

BENCHMARK = "long_only"


@dataclass(frozen=True)
class JudgedSeed:
    """One seed as its judgement tells it."""

    trial: Trial
    trained: str  # hash of the settings that its training had
    metrics: Mapping[str, Any]  # metrics.json
    sessions: pd.DataFrame  # rows of sessions.parquet


def why_apart(seeds: Sequence[JudgedSeed]) -> str | None:
    """Return why seeds cannot be judged as one, None where they can."""
    if len({(it.trial.config, it.trial.data) for it in seeds}) > 1:
        return (
            "the seeds began with other weights or were judged with other settings or bars; judge "
            "each with evaluate.py run= and the same settings"
        )
    places = [it.sessions[["timestamp", "path"]] for it in seeds]
    if not all(place.equals(places[0]) for place in places):
        return "the seeds were not judged on the same sessions"
    return None


def judge_together(
    seeds: Sequence[JudgedSeed],
    ledger: LedgerLines,
    returns: Callable[[str], Series],
    together: Together,
    *,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Judge the mean of several seeds by the clauses that judge one.

    Args:
        seeds: at least two, for which :func:`why_apart` has nothing to say.
        ledger: of all trials.
        returns: from the name of a trial to its sessions.
        together: seeds that are judged as one, by hash of the configuration; these among them.
        draws: resamples.
        seed: of the resamples.

    Returns:
        Sharpe ratio with its interval, differences to baselines, standing among the trials,
        strain, verdict and its reason.
    """
    mean, trial = _Mean(seeds, draws=draws, seed=seed), seeds[0].trial
    own, block = mean.column(OWN_COLUMN), mean.own_block
    sharpe, differences = mean.sharpe(), {name: mean.difference(name) for name in RIVALS}
    standing = standing_of(
        trial_moments(ledger, trial, moments(own), together),
        configuration_returns(ledger, trial, (mean.closes, own), returns, together),
        own,
        mean.column(BENCHMARK),
        block=block,
        draws=draws,
        seed=seed,
    )
    evidence = mean.evidence(sharpe, differences, standing, seeds_left_out(seeds, ledger))
    verdict = judge_evidence(evidence)
    return {
        "verdict": verdict.verdict,
        "verdict_reason": verdict.reason,
        **_told("sharpe", sharpe),
        "left_out": list(evidence.left_out),
        "block_sessions": block,
        "round_trips": evidence.trips,
        "random_p": evidence.random_p,
        "kept_late": mean.strain.kept,
        "dear_mean_bp": mean.strain.dear_mean_bp,
        "differences": {
            name: _told("sharpe_difference", found) for name, found in differences.items()
        },
        **standing_record(standing, mean.per_year),
    }


def seeds_left_out(seeds: Sequence[JudgedSeed], ledger: LedgerLines) -> tuple[int, ...]:
    """Return other seeds of the same training that the ledger knows to be judged there.

    Who leaves out the seeds that did badly has chosen on the judged bars, with whatever settings
    of the judgement they were looked at.
    """
    head = seeds[0]
    wanted = (head.trained, head.trial.data, head.trial.split)
    known = {
        int(line["seed"])
        for line in ledger.lines
        if (line.get(TRAINED, line["config"]), line["data"], line["split"]) == wanted
    }
    return tuple(sorted(known - {it.trial.seed for it in seeds}))


def _told(key: str, found: Difference) -> dict[str, float | None]:
    low, high = number(found.low), number(found.high)
    return {key: found.value, f"{key}_ci_low": low, f"{key}_ci_high": high}


class _Mean:
    """The account that holds an equal share of every seed.

    Args:
        seeds: of one configuration, over the same sessions.
        draws: resamples behind each interval.
        seed: of the resamples.
    """

    def __init__(self, seeds: Sequence[JudgedSeed], *, draws: int, seed: int) -> None:
        self.seeds, self.draws, self.seed = seeds, draws, seed
        self.per_year = float(seeds[0].metrics["sessions_per_year"])
        frame = seeds[0].sessions
        self.closes = frame["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
        self.path = frame["path"].to_numpy()
        self.own_block = self._own_block()
        self.strain = self._strain()

    def column(self, name: str) -> NDArray[np.float64]:
        """Net session returns of an account, mean over the seeds, [session]."""
        return np.mean([it.sessions[name].to_numpy(np.float64) for it in self.seeds], axis=0)

    def sharpe(self) -> Difference:
        """Net Sharpe ratio with its interval."""
        return self._ratio(self.column(OWN_COLUMN)[None], self.own_block)

    def difference(self, name: str) -> Difference:
        """Sharpe ratio beyond that of a baseline, with its interval."""
        blocks = [int(it.metrics["baselines"][name]["block_sessions"]) for it in self.seeds]
        both = np.stack([self.column(OWN_COLUMN), self.column(name)])
        return self._ratio(both, max(self.own_block, *blocks))

    def evidence(
        self,
        sharpe: Difference,
        differences: Mapping[str, Difference],
        standing: Standing,
        left_out: tuple[int, ...],
    ) -> Evidence:
        """Collect what the clauses are tested on; round trips of the seed that made fewest."""
        own = self.column(OWN_COLUMN)
        return Evidence(
            sharpe=Interval(sharpe.low, sharpe.high),
            differences=differences,
            random_p=self._random_p(),
            trips=min(int(it.metrics["round_trips"]) for it in self.seeds),
            sessions=len(own),
            years=len(own) / self.per_year,
            best_share=best_share(own),
            chosen_here=any(it.metrics["chosen_here"] for it in self.seeds),
            standing=standing,
            causal=all(it.metrics["causal"] for it in self.seeds),
            strain=self.strain,
            paths=len(np.unique(self.path)),
            left_out=left_out,
        )

    def _ratio(self, net: NDArray[np.float64], block: int) -> Difference:
        return sharpe_of_nets(net, self.per_year, block=block, draws=self.draws, seed=self.seed)

    def _own_block(self) -> int:
        """Sessions of a block: no fewer than any seed asks for, nor than the mean does."""
        own = self.column(OWN_COLUMN)
        parts = [own[self.path == path] for path in np.unique(self.path)]
        wanted = float(np.median([automatic_block(part) for part in parts]))
        asked = block_length(wanted, min(len(part) for part in parts))
        return max(asked, *(int(it.metrics["block_sessions"]) for it in self.seeds))

    def _strain(self) -> Strain:
        """What late orders and twice the costs leave of the mean."""
        own, late = self.column(OWN_COLUMN), self.column(LATE_COLUMN)
        dear = [
            row["net_mean_bp"]
            for it in self.seeds
            for row in it.metrics["controls"]["costs"]
            if (row["cost_scale"], row["delay_bars"]) == DEAR
        ]
        return Strain(
            float(session_sharpe(own, self.per_year)),
            float(session_sharpe(late, self.per_year)),
            float(np.mean(dear)),
        )

    def _random_p(self) -> float | None:
        """Twice the mean rank among random trades, a p-value however the seeds hang together.

        Source: Vovk and Wang (2020), Combining p-values via averaging. None where a seed has none.
        """
        found = [it.metrics["baselines"].get("random", {}).get("p_value") for it in self.seeds]
        known = [value for value in found if value is not None]
        return min(1.0, 2.0 * float(np.mean(known))) if len(known) == len(found) else None
