"""Walk-forward: train on the past, test on the block that follows, move on.

Source: ``docs/definitions.md``, Protocols.
"""

from itertools import pairwise

from grandmodel.core.checks import require
from grandmodel.evaluation.protocols.config import WALK_FORWARD, ProtocolConfig
from grandmodel.evaluation.protocols.plan import Clock, Fold, Gaps, Place, Plan, Stretch, even_edges


def plan_walk_forward(clock: Clock, gaps: Gaps, config: ProtocolConfig) -> Plan:
    """Plan test blocks of equal numbers of sessions, each after the bars that train for it.

    Training begins with the first usable session (expanding), or so that every fold has as many
    sessions as the first one (rolling).

    Raises:
        UserError: there are too few sessions.
    """
    edges = clock.edges()
    sessions = len(edges) - 1
    begin = int(config.train_share * sessions + 1e-6)
    require(
        begin >= LEAST_SESSIONS,
        f"train_share={config.train_share:g} of {sessions} sessions leaves {begin} before the "
        f"first test block and at least {LEAST_SESSIONS} are needed: give more bars or a larger "
        "train_share",
    )
    remedy = "more bars, fewer folds or a smaller train_share"
    blocks = even_edges(begin, sessions, config.folds, f"folds={config.folds}", remedy)
    folds = []
    for number, (first, last) in enumerate(pairwise(blocks.tolist()), start=1):
        origin = first - begin if config.window == "rolling" else 0
        selects = max(1, round(config.validation_share * (first - origin)))
        cut = int(edges[max(first - selects, origin)])
        end = int(edges[first])
        folds.append(
            Fold(
                f"{number}of{config.folds}",
                train=_stretch(int(edges[origin]), cut - gaps.purge),
                validation=_stretch(cut, end - gaps.purge),
                test=_stretch(end, int(edges[last])),
            )
        )
    path = tuple(Place(number, 0) for number in range(len(folds)))
    return Plan(WALK_FORWARD, tuple(folds), (path,), causal=True)


LEAST_SESSIONS = 2  # before the first test block: one to train on, one to select on


def _stretch(start: int, stop: int) -> tuple[Stretch, ...]:
    return (Stretch(start, stop),) if stop > start else ()
