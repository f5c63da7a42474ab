"""Combinatorial purged cross-validation: every choice of groups tests once, the rest trains.

Later bars train for earlier tests: it tells how results spread, never what could have been
earned. Source: ``docs/definitions.md``, Protocols.
"""

from itertools import combinations, pairwise

import numpy as np

from grandmodel.evaluation.protocols.config import CPCV, ProtocolConfig
from grandmodel.evaluation.protocols.plan import (
    LEAST_BARS,
    Clock,
    Fold,
    Gaps,
    Place,
    Plan,
    Stretch,
    even_edges,
)


def plan_cpcv(clock: Clock, gaps: Gaps, config: ProtocolConfig) -> Plan:
    """Plan one fold for every choice of ``test_groups`` of the groups of sessions.

    Path j takes each group from the j-th fold that tests it: test_groups / groups x folds paths.

    Raises:
        UserError: there are fewer sessions than groups.
    """
    edges = clock.edges()
    what, remedy = f"groups={config.groups}", "more bars or fewer groups"
    cuts = edges[even_edges(0, len(edges) - 1, config.groups, what, remedy)]
    blocks = [Stretch(first, last) for first, last in pairwise(cuts.tolist())]
    chosen = list(combinations(range(config.groups), config.test_groups))
    folds = []
    for number, groups in enumerate(chosen, start=1):
        test = tuple(blocks[group] for group in groups)
        train, validation = _carved(_free(clock, test, gaps), edges, gaps, config)
        folds.append(Fold(f"{number}of{len(chosen)}", train, validation, test))
    tested_by = [
        [Place(fold, groups.index(group)) for fold, groups in enumerate(chosen) if group in groups]
        for group in range(config.groups)
    ]
    paths = tuple(zip(*tested_by, strict=True))
    return Plan(CPCV, tuple(folds), paths, causal=False)


def _free(clock: Clock, test: tuple[Stretch, ...], gaps: Gaps) -> list[Stretch]:
    """Return the usable bars that keep their distance from every test block."""
    free, start = [], clock.first
    for block in test:
        free.append(Stretch(start, block.start - gaps.purge))
        start = max(start, block.stop + gaps.after)
    free.append(Stretch(start, clock.stop))
    return _whole(free)


def _carved(
    free: list[Stretch], edges: np.ndarray, gaps: Gaps, config: ProtocolConfig
) -> tuple[tuple[Stretch, ...], tuple[Stretch, ...]]:
    """Cut selection off the end of the free bars, at the edge of a session."""
    bars = np.concatenate([np.arange(*it) for it in free]) if free else np.zeros(0, np.int64)
    if not len(bars):
        return (), ()
    wanted = bars[int((1.0 - config.validation_share) * len(bars))]
    later = edges[(edges >= wanted) & (edges < bars[-1])]
    cut = int(later[0]) if len(later) else int(wanted)
    train = [Stretch(it.start, min(it.stop, cut - gaps.purge)) for it in free]
    validation = [Stretch(max(it.start, cut), it.stop) for it in free]
    return tuple(_whole(train)), tuple(_whole(validation))


def _whole(stretches: list[Stretch]) -> list[Stretch]:
    return [it for it in stretches if it.stop - it.start >= LEAST_BARS]
