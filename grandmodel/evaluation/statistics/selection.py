"""What choosing among several configurations does to the one that was chosen.

Source: ``docs/definitions.md``, Choosing among configurations.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

BLOCKS = 16
HALVES_AT_ONCE = 1_024  # of the 6 435 pairs; bounds the memory with many configurations


def overfitting_probability(net: NDArray[np.float64], blocks: int = BLOCKS) -> float:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation.

    Share of all choices of half of the blocks in which the configuration with the best Sharpe
    ratio on them is at or below the median on the other half (Bailey, Borwein, Lopez de Prado
    and Zhu 2015).

    Args:
        net: net session returns in order of time, [session, configuration].
        blocks: even number of blocks of whole sessions; at most one per two sessions is used.

    Returns:
        The share; NaN with fewer than two configurations or eight sessions.
    """
    sessions, configurations = net.shape
    blocks = min(blocks, sessions // 4 * 2)
    if configurations < 2 or blocks < 4:
        return float("nan")
    sums = np.stack([_block_sums(part, blocks) for part in (np.ones_like(net), net, net**2)])
    total = sums.sum(axis=1, keepdims=True)
    chosen = _halves(blocks)
    at_or_below = 0
    for first in range(0, len(chosen), HALVES_AT_ONCE):
        half = np.matmul(chosen[first : first + HALVES_AT_ONCE], sums)
        one, other = _sharpe(half), _sharpe(total - half)
        for seen, unseen in ((one, other), (other, one)):
            at_or_below += int((_relative_rank(unseen, seen.argmax(axis=1)) <= 0.5).sum())
    return at_or_below / (2 * len(chosen))


def _block_sums(values: NDArray[np.float64], blocks: int) -> NDArray[np.float64]:
    """Sum [session, configuration] by blocks that differ by one session at most, [block, ...]."""
    edges = np.linspace(0, len(values), blocks + 1).astype(int)
    return np.add.reduceat(values, edges[:-1], axis=0)


def _halves(blocks: int) -> NDArray[np.float64]:
    """Mark each choice of half of the blocks that holds the first one, [choice, block].

    The halves left over are all the others.
    """
    rest = np.array(list(combinations(range(1, blocks), blocks // 2 - 1)))
    marks = np.zeros((len(rest), blocks))
    marks[:, 0] = 1.0
    np.put_along_axis(marks, rest, 1.0, axis=1)
    return marks


def _sharpe(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sharpe ratios from count, sum and sum of squares [3, choice, configuration]."""
    count, mean = sums[0], sums[1] / sums[0]
    variance = sums[2] / count - mean**2
    varies = variance > 1e-24
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _relative_rank(sharpe: NDArray[np.float64], best: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rank of configuration ``best`` [choice] from the worst, over count + 1; ties share."""
    own = np.take_along_axis(sharpe, best[:, None], axis=1)
    below, equal = (sharpe < own).sum(axis=1), (sharpe == own).sum(axis=1)
    return (below + (equal + 1) / 2.0) / (sharpe.shape[1] + 1)


def superior_ability_p(
    net: NDArray[np.float64],
    benchmark: NDArray[np.float64],
    *,
    block: int,
    draws: int,
    seed: int,
) -> float:
    """p-value of "no configuration is better than the benchmark" (Hansen 2005, consistent).

    All series are brought to one volatility first, so that Sharpe ratios are compared; one that
    does not vary stays at zero.

    Args:
        net: net session returns, [session, configuration].
        benchmark: net session returns of the benchmark, [session].
        block: sessions of a circular block.
        draws: resamples.
        seed: of the resamples.
    """
    # arch pulls in statsmodels: half a second that judging one configuration need not wait for.
    from arch.bootstrap import SPA

    test = SPA(
        -_at_one_risk(benchmark[:, None])[:, 0],
        -_at_one_risk(net),
        block_size=block,
        reps=draws,
        bootstrap="circular",
        seed=seed,
    )
    test.compute()
    return float(np.asarray(test.pvalues["consistent"]))


def _at_one_risk(net: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide every column by its sd, [session, series]; zero where nothing varies."""
    sd = net.std(axis=0)
    varies = sd > 1e-12
    return np.where(varies, net / np.where(varies, sd, 1.0), 0.0)
