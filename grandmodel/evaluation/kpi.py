"""Targets that descriptions of such systems name, held against what was measured.

Nothing is chosen by them: each row says met, not met or cannot tell.
Source: ``docs/definitions.md``, Targets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MET, NOT_MET, CANNOT_TELL = "met", "not met", "cannot tell"


@dataclass(frozen=True)
class Target:
    """A figure and the bounds it should keep to."""

    team: str  # strategic, tactical: the texts' own; system: of all together
    key: str  # of metrics.json, sections joined by dots
    label: str
    low: float | None = None  # at least
    high: float | None = None  # at most

    @property
    def words(self) -> str:
        """The bounds in a few letters."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        return f"> {self.low:g}" if self.low is not None else f"< {self.high:g}"


TARGETS = (
    Target("strategic", "directional_accuracy", "directional accuracy", low=0.75),
    Target("strategic", "sharpe", "Sharpe ratio", low=1.5),
    Target("strategic", "max_drawdown", "maximum drawdown", high=0.15),
    Target("strategic", "profit_factor", "profit factor", low=1.8),
    Target("strategic", "win_rate", "win rate", low=0.70),
    Target("strategic", "trade_figures.trade_hours", "trade duration, hours", low=2.0, high=6.0),
    Target("strategic", "risk_figures.annual_return", "annual return", low=0.12),
    Target("strategic", "team_figures.agreement", "agreement of the agents", low=0.80),
    Target("strategic", "team_figures.ensemble_stability", "ensemble stability", low=0.90),
    Target("tactical", "team_figures.lowest_accuracy", "accuracy of every agent", low=0.60),
    Target("tactical", "team_figures.accuracy", "accuracy of the team", low=0.70),
    Target("tactical", "win_rate", "win rate", low=0.55),
    Target("tactical", "trade_figures.session_pnl", "profit per session, currency", low=100.0),
    Target("tactical", "sharpe", "Sharpe ratio", low=1.5),
    Target("tactical", "max_drawdown", "maximum drawdown", high=0.02),
    Target("tactical", "trade_figures.stop_adherence", "stop adherence", low=0.95),
    Target("tactical", "trade_figures.trades_per_session", "round trips per session", low=12.0),
    Target("tactical", "trade_figures.slippage", "slippage", high=0.0002),
    Target("system", "directional_accuracy", "directional accuracy", low=0.65),
    Target("system", "sharpe", "Sharpe ratio", low=2.0),
    Target("system", "max_drawdown", "maximum drawdown", high=0.10),
    Target("system", "win_rate", "win rate", low=0.55),
    Target("system", "risk_figures.annual_volatility", "annual volatility", high=0.15),
)


def kpi_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row per target: team, figure, key, target, value, bounds of its interval, status.

    Met where the whole interval keeps to the target, not met where it lies wholly beyond it;
    cannot tell where it holds a bound, or where there is no figure or no interval.
    """
    return [_row(target, metrics) for target in TARGETS]


def _row(target: Target, metrics: Mapping[str, Any]) -> dict[str, Any]:
    section, _, key = target.key.rpartition(".")
    where: Mapping[str, Any] = (metrics.get(section) or {}) if section else metrics
    value, low, high = (where.get(f"{key}{end}") for end in ("", "_ci_low", "_ci_high"))
    return {
        "team": target.team,
        "figure": target.label,
        "key": target.key,
        "target": target.words,
        "value": value,
        "low": low,
        "high": high,
        "status": status(target, value, low, high),
    }


def status(target: Target, value: float | None, low: float | None, high: float | None) -> str:
    """Return what an interval says about a target."""
    if value is None or low is None or high is None:
        return CANNOT_TELL
    least = -float("inf") if target.low is None else target.low
    most = float("inf") if target.high is None else target.high
    if least <= low and high <= most:
        return MET
    return NOT_MET if high < least or low > most else CANNOT_TELL
