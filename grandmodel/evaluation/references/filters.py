"""The filter of every planted world by name: what who knows the law expects of the next bar."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.references.filter import filtered_drift
from grandmodel.evaluation.references.filter_flips import flips_filter
from grandmodel.evaluation.references.filter_nodes import nodes_filter
from grandmodel.evaluation.references.gap_filter import gap_filter
from grandmodel.market.dataset import MarketPath
from grandmodel.market.synthetic.synergies import drift_left
from grandmodel.market.synthetic.world import PathTruth

Filter = Callable[[MarketPath, PathTruth], NDArray[np.float64]]


def chain_filter(path: MarketPath, truth: PathTruth) -> NDArray[np.float64]:
    """Return the Bayes filter of a hidden chain of regimes, float64 [bar]."""
    return filtered_drift(path.bars.open, path.bars.close, truth.law, truth.sd_factor)


def synergy_filter(_path: MarketPath, truth: PathTruth) -> NDArray[np.float64]:
    """Return the drift still to come of the synergies shown so far, in sum, float64 [bar]."""
    return drift_left(truth.hidden["synergy"], truth.law)


# From a path and its truth to the expected drift of the next bar (or of the bars to come), known
# at each close of the decision clock, float64 [bar]. A world without an entry has nothing that a
# reference could know.
FILTERS: dict[str, Filter] = {
    "regimes": chain_filter,
    "half_cost": chain_filter,
    "textured": chain_filter,
    "synergies": synergy_filter,
    "gaps": gap_filter,
    "realistic": chain_filter,
    "flips": flips_filter,
    "nodes": nodes_filter,
}
