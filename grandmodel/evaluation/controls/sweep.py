"""The same team at other costs and with later orders, and what clauses 5 and 6 ask of it.

Source: ``docs/definitions.md``, Costs and delay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grandmodel.evaluation.judging.execution import JudgeRule
from grandmodel.evaluation.measures.metrics import (
    Measured,
    mean_decision_return,
    number,
    session_sharpe,
)

COSTS = (0.0, 0.5, 1.0, 1.5, 2.0)
DELAYS = (0, 1)
Cell = tuple[float, int]  # factor on all costs, decisions of delay
OWN: Cell = (1.0, 0)
LATE: Cell = (1.0, 1)  # what clause 5 asks about
DEAR: Cell = (2.0, 0)  # what clause 6 asks about
BASIS_POINTS = 1e4


@dataclass(frozen=True)
class Sweep:
    """Factors on all costs and decisions of delay, each beside each."""

    costs: tuple[float, ...] = COSTS
    delays: tuple[int, ...] = DELAYS

    def cells(self) -> tuple[Cell, ...]:
        """What is judged beside the account itself: the grid, and what the verdict asks about."""
        grid = {(cost, delay) for delay in self.delays for cost in self.costs}
        return tuple(sorted((grid | {LATE, DEAR}) - {OWN}, key=lambda cell: cell[::-1]))


@dataclass(frozen=True)
class Strain:
    """What is left of a result when orders come late and when trading costs twice as much."""

    sharpe: float  # net, of the pooled sessions, as the next
    late_sharpe: float  # with one decision of delay
    dear_mean_bp: float  # net mean per decision at twice the costs, basis points

    @property
    def kept(self) -> float | None:
        """Share of the net Sharpe ratio that one decision of delay leaves; None: there is none."""
        return self.late_sharpe / self.sharpe if self.sharpe > 0.0 else None


def rules_of(own: JudgeRule, cells: tuple[Cell, ...]) -> tuple[JudgeRule, ...]:
    """Return the team's own rule at every cell."""
    return tuple(replace(own, cost_scale=cost, delay=delay) for cost, delay in cells)


def pooled_sharpe(found: Measured) -> float:
    """Net Sharpe ratio of the sessions of all paths together, as the verdict reads them."""
    return float(session_sharpe(found.sessions.net, found.sessions_per_year))


def path_nets(found: Measured) -> list[NDArray[np.float64]]:
    """Net returns of the sessions of each path, [path][session]."""
    sessions = found.sessions
    return [sessions.net[sessions.rows_of(index)] for index in range(len(sessions.paths))]


def strain_of(cells: Mapping[Cell, Measured]) -> Strain:
    """Return what the verdict asks; ``cells`` hold OWN, LATE and DEAR."""
    dear = BASIS_POINTS * mean_decision_return(cells[DEAR].track)
    return Strain(pooled_sharpe(cells[OWN]), pooled_sharpe(cells[LATE]), dear)


def cost_rows(cells: Mapping[Cell, Measured]) -> list[dict[str, float | int | None]]:
    """Return a row per cell, without delay first: `controls.costs` of ``metrics.json``."""
    return [
        {
            "cost_scale": cost,
            "delay_bars": delay,
            "sharpe": found.scalars["sharpe"],
            "total_return": found.scalars["total_return"],
            "net_mean_bp": number(BASIS_POINTS * mean_decision_return(found.track)),
            "trades": found.scalars["trades"],
        }
        for (cost, delay), found in sorted(cells.items(), key=lambda item: item[0][::-1])
    ]


def break_even_cost_scale(own: Measured) -> float | None:
    """Factor on the costs that would have taken the whole gross profit; None: nothing was paid."""
    paid = float(own.track.cost.sum())
    return float(own.track.pnl_gross.sum()) / paid if paid > 0.0 else None


def kept_share(found: Measured, own: Measured) -> float | None:
    """Share of the net Sharpe ratio of ``own`` that ``found`` keeps; None: there is none."""
    whole = pooled_sharpe(own)
    return pooled_sharpe(found) / whole if whole > 0.0 else None
