"""What is left of a Sharpe ratio after the trials behind it, and which one could be seen at all.

All ratios here are per session, not annualised. Source: ``docs/definitions.md``, Deflation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from grandmodel.evaluation.trials.ledger import Moments

EULER = 0.5772156649015329


@dataclass(frozen=True)
class Deflation:
    """A Sharpe ratio beside the best that as many trials without any edge would show."""

    trials: int
    lucky_sharpe: float  # expected best of the trials without an edge, per session
    probabilistic: float  # that the true ratio is above zero; NaN where nothing varies
    deflated: float  # that it is above lucky_sharpe; NaN where nothing varies
    sessions_needed: float  # to tell it from lucky_sharpe at 95 %; infinite where it is not above


def probabilistic_sharpe(
    sharpe: float, skew: float, kurtosis: float, n: int, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio exceeds ``benchmark`` (Bailey, Lopez de Prado 2012).

    Args:
        sharpe: measured, per observation.
        skew: skewness of the returns.
        kurtosis: of the returns, 3 for a normal distribution.
        n: observations; below two the answer is NaN.
        benchmark: per observation.
    """
    variance = _unit_variance(sharpe, skew, kurtosis)
    if n < 2 or not variance > 0.0:
        return float("nan")
    return float(norm.cdf((sharpe - benchmark) * np.sqrt((n - 1) / variance)))


def minimum_track_record(
    sharpe: float,
    skew: float,
    kurtosis: float,
    benchmark: float = 0.0,
    confidence: float = 0.95,
) -> float:
    """Observations after which ``sharpe`` is above ``benchmark`` with ``confidence``.

    Infinite where it is not above it.
    """
    if sharpe <= benchmark:
        return float("inf")
    z = float(norm.ppf(confidence))
    return 1.0 + _unit_variance(sharpe, skew, kurtosis) * (z / (sharpe - benchmark)) ** 2


def _unit_variance(sharpe: float, skew: float, kurtosis: float) -> float:
    """Variance of an estimated Sharpe ratio times its observations."""
    return 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


def expected_best(trials: int, variance: float) -> float:
    """Expected largest of ``trials`` Sharpe ratios around zero with that variance; 0 for one."""
    if trials < 2:
        return 0.0
    upper = norm.ppf(1.0 - 1.0 / trials)
    beyond = norm.ppf(1.0 - 1.0 / (trials * np.e))
    return float(np.sqrt(variance) * ((1.0 - EULER) * upper + EULER * beyond))


def trial_variance(sharpes: NDArray[np.float64], sessions: NDArray[np.int64], length: int) -> float:
    """Variance of the trials' Sharpe ratios, at the ``length`` of the one that is judged.

    Each ratio counts in units of its own error under no edge, 1 / sqrt(sessions), so that splits
    of several lengths can stand together; below one such unit the variance does not go.

    Args:
        sharpes: per session, [trial].
        sessions: behind each, [trial].
        length: sessions of the judged one.
    """
    scores = sharpes * np.sqrt(sessions)
    spread = float(scores.var(ddof=1)) if len(scores) > 1 else 1.0
    return max(1.0, spread) / length


def deflate(own: Moments, trials: Sequence[Moments]) -> Deflation:
    """Deflate the Sharpe ratio of a track by the trials behind it.

    Args:
        own: moments of the judged track.
        trials: moments of every trial, its own included; their number is what counts.
    """
    if own.n < 2 or own.sd <= 0.0:
        nan = float("nan")
        return Deflation(len(trials), nan, nan, nan, float("inf"))
    varied = [found for found in trials if found.n > 1 and found.sd > 0.0]
    sharpes = np.array([found.mean / found.sd for found in varied])
    sessions = np.array([found.n for found in varied], np.int64)
    lucky = expected_best(len(trials), trial_variance(sharpes, sessions, own.n))
    sharpe = own.mean / own.sd
    return Deflation(
        len(trials),
        lucky,
        probabilistic_sharpe(sharpe, own.skew, own.kurtosis, own.n),
        probabilistic_sharpe(sharpe, own.skew, own.kurtosis, own.n, lucky),
        minimum_track_record(sharpe, own.skew, own.kurtosis, lucky),
    )


def minimum_detectable_sharpe(years: float, power: float = 0.8, size: float = 0.05) -> float:
    """Annualised Sharpe ratio that a two-sided test of ``size`` sees with ``power``.

    (z of 1 - size / 2 + z of power) / sqrt(years), 2.8 / sqrt(years) for the defaults; infinite
    without bars.
    """
    if years <= 0:
        return float("inf")
    z = float(norm.ppf(1.0 - size / 2.0)) + float(norm.ppf(power))
    return round(z, 2) / float(np.sqrt(years))
