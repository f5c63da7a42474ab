"""Where a result stands among everything that was tried on its bars.

Reads lines of the ledger, writes none. Source: ``docs/definitions.md``, Deflation.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.checks import UserError
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.statistics.deflation import Deflation, deflate
from grandmodel.evaluation.statistics.intervals import block_sessions
from grandmodel.evaluation.statistics.selection import overfitting_probability, superior_ability_p
from grandmodel.evaluation.trials.ledger import Ledger, Moments, Trial, moments
from grandmodel.evaluation.trials.ledger_lines import MOMENT_KEYS, LedgerLines

MOST_DRAWS = 1_000  # of the test of superior ability, whose p-value needs no more
LEAST_CONFIGURATIONS = 8  # fewer say nothing about overfitting
Series = tuple[NDArray[np.int64], NDArray[np.float64]]  # closes of sessions, net returns
Together = Mapping[str, Collection[int]]  # hash of a configuration -> seeds judged as one
APART: Together = MappingProxyType({})  # every seed is a trial of its own


@dataclass(frozen=True)
class Standing:
    """A result beside all trials on its bars."""

    deflation: Deflation
    configurations: int  # of the same sessions, its own included
    overfitting: float | None  # None below LEAST_CONFIGURATIONS
    superior_p: float | None  # of the best of them against the benchmark; None likewise


def trial_moments(
    found: LedgerLines, trial: Trial, own: Moments, together: Together = APART
) -> list[Moments]:
    """Moments of every trial on the bars of ``trial`` and what was made of them, its own as it is.

    Seeds judged together count once on each split of each bars, by the latest of them: what their
    mean would be is not in the ledger.

    Args:
        found: the ledger.
        trial: the judged one; of several seeds, any of them.
        own: moments of its net session returns, or of the mean over its seeds.
        together: seeds that are averaged and judged as one, by configuration.
    """

    def name(config: str, seed: int, *place: str) -> tuple[str | int, ...]:
        return (*place, config, *(() if seed in together.get(config, ()) else (seed,)))

    others = {
        name(line["config"], line["seed"], line["data"], line["split"]): Moments(
            *(line[key] for key in MOMENT_KEYS)
        )
        for line in found.with_returns(trial.data, origin=trial.origin)
    }
    judged = name(trial.config, trial.seed, trial.data, trial.split)
    return list({**others, judged: own}.values())


def configuration_returns(
    found: LedgerLines,
    trial: Trial,
    own: Series,
    returns: Callable[[str], Series],
    together: Together = APART,
) -> NDArray[np.float64]:
    """Net session returns of every configuration on the split of ``trial``, seeds averaged.

    Configurations whose sessions are not the same ones, or whose returns are gone, are left out.

    Args:
        found: the ledger.
        trial: the judged one.
        own: its sessions, which the others must share.
        returns: from the name of a trial to its sessions.
        together: seeds that ``own`` is the mean of, by configuration.

    Returns:
        [session, configuration], the judged configuration first.
    """
    by_config: dict[str, list[NDArray[np.float64]]] = {trial.config: [own[1]]}
    for line in found.with_returns(trial.data, trial.split):
        held = line["config"] == trial.config and line["seed"] in together.get(trial.config, ())
        if held or line["data"] != trial.data or line["trial"] == trial.key:
            continue
        try:
            closes, net = returns(line["trial"])
        except UserError:  # moved away: one configuration fewer
            continue
        if np.array_equal(closes, own[0]):
            by_config.setdefault(line["config"], []).append(net)
    return np.column_stack([np.mean(seeds, axis=0) for seeds in by_config.values()])


def standing_of(
    trials: Sequence[Moments],
    configurations: NDArray[np.float64],
    own: NDArray[np.float64],
    benchmark: NDArray[np.float64],
    *,
    block: int,
    draws: int,
    seed: int,
) -> Standing:
    """Tell where a track stands.

    Args:
        trials: moments of every trial on its bars, its own included.
        configurations: net session returns, [session, configuration].
        own: net session returns of the track, [session].
        benchmark: those of long_only, [session].
        block: sessions of a circular block.
        draws: resamples.
        seed: of the resamples.
    """
    overfitting, superior = None, None
    count = configurations.shape[1]
    if count >= LEAST_CONFIGURATIONS:
        overfitting = overfitting_probability(configurations)
        superior = superior_ability_p(
            configurations, benchmark, block=block, draws=min(draws, MOST_DRAWS), seed=seed
        )
    return Standing(deflate(moments(own), trials), count, overfitting, superior)


def standing_in(
    ledger: Ledger,
    trial: Trial,
    own: Measured,
    benchmark: Measured,
    *,
    draws: int,
    seed: int,
    together: Together = APART,
) -> Standing:
    """Tell where a track stands in a ledger that need not hold it yet.

    Args:
        ledger: of all trials.
        trial: identity of the judged track; of several seeds, any of them.
        own: the judged track; of several seeds, one whose session returns are their mean.
        benchmark: long_only over the same sessions.
        draws: resamples.
        seed: of the resamples.
        together: seeds that are averaged and judged as one, by configuration: each configuration
            counts once, the judged one and those beside it.
    """
    found, sessions = ledger.read(), own.sessions
    series = (sessions.close_time_ns, sessions.net)
    return standing_of(
        trial_moments(found, trial, moments(sessions.net), together),
        configuration_returns(found, trial, series, ledger.returns, together),
        sessions.net,
        benchmark.sessions.net,
        block=block_sessions(sessions, own.trips),
        draws=draws,
        seed=seed,
    )


def standing_record(standing: Standing, sessions_per_year: float) -> dict[str, object]:
    """Lay a standing out for ``metrics.json``; Sharpe ratios per year."""
    found = standing.deflation
    return {
        "trials": found.trials,
        "deflated_sharpe": found.deflated,
        "pbo": standing.overfitting,
        "standing": {
            "configurations": standing.configurations,
            "lucky_sharpe": found.lucky_sharpe * np.sqrt(sessions_per_year),
            "probabilistic_sharpe": found.probabilistic,
            "minimum_track_record_years": found.sessions_needed / sessions_per_year,
            "superior_ability_p": standing.superior_p,
        },
    }
