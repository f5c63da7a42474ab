"""The targets that descriptions of such systems name, and where each figure is found.

Source: ``docs/definitions.md``, Targets.
"""

from dataclasses import dataclass

SERVICE = "of the service: its monitor tells it, bars do not"
MACHINE = "of the machine that trains: learning.csv and run.json tell times and steps"
TIMED = "of the machine that serves: benchmarks/tactical_latency.py and inference.py time it"
WHEN = "the report tells whether the training converged, not after how many episodes"
RULED = "gaps, levels and synergies follow from their definitions; nothing is estimated"
NO_PART = "no such part here"
STRATEGIC, TACTICAL = "strategic", "tactical"
OF_MODEL = ("model_megabytes",)  # told of the model itself, whether it trades or not
SHARES = (  # of one, read as percent
    "directional_accuracy", "max_drawdown", "win_rate", "risk_figures.annual_return",
    "risk_figures.annual_volatility", "team_figures.agreement", "team_figures.ensemble_stability",
    "team_figures.lowest_accuracy", "team_figures.accuracy", "trader.worst_session.net_return",
    "trade_figures.sizing_accuracy", "trade_figures.stop_adherence", "trade_figures.order_success",
    "trade_figures.slippage", "trade_figures.market_impact",
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A figure and the bounds it should keep to."""

    team: str  # strategic, tactical: the texts' own; system: of all together
    key: str  # of metrics.json, sections joined by dots; empty: not measured on bars
    label: str
    low: float | None = None  # at least
    high: float | None = None  # at most
    exact: bool = False  # a count or an extreme of these very bars: it has no interval
    reason: str = ""  # why it is not told on bars

    @property
    def words(self) -> str:
        """The bounds in a few letters."""
        low, high = self._bound(self.low), self._bound(self.high)
        if low and high:
            return f"{low} to {high}"
        if low:
            return f"> {low}"
        return "0" if self.high == 0 else f"< {high}"

    @property
    def percent(self) -> bool:
        """Whether it is a share of one."""
        return self.key in SHARES or (not self.key and self.low is not None and self.low < 1.0)

    def _bound(self, value: float | None) -> str:
        if value is None:
            return ""
        return f"{100.0 * value:g} %" if self.percent else f"{value:g}"


def _elsewhere(
    team: str, reason: str, *figures: tuple[str, float | None, float | None]
) -> tuple[Target, ...]:
    """Targets of one team that bars cannot tell for one reason: label, at least, at most."""
    return tuple(
        Target(team, "", label, low=low, high=high, reason=reason) for label, low, high in figures
    )


MEASURED = (
    Target("strategic", "directional_accuracy", "directional accuracy", low=0.75),
    Target("strategic", "sharpe", "Sharpe ratio", low=1.5),
    Target("strategic", "max_drawdown", "maximum drawdown", high=0.15),
    Target("strategic", "profit_factor", "profit factor", low=1.8),
    Target("strategic", "win_rate", "win rate", low=0.70),
    Target("strategic", "trade_figures.trade_hours", "trade duration, hours", low=2.0, high=6.0),
    Target("strategic", "risk_figures.annual_return", "annual return", low=0.12),
    Target("strategic", "team_figures.agreement", "agreement of the agents", low=0.80),
    Target("strategic", "team_figures.ensemble_stability", "ensemble stability", low=0.90),
    Target("strategic", "model_megabytes", "size of the model, MB", high=200.0, exact=True),
    Target("tactical", "team_figures.lowest_accuracy", "accuracy of every agent", low=0.60),
    Target("tactical", "team_figures.accuracy", "accuracy of the team", low=0.70),
    Target("tactical", "win_rate", "win rate", low=0.55),
    Target("tactical", "win_rate", "share of profitable trades", low=0.75),
    Target("tactical", "trade_figures.session_pnl", "profit per session, currency", low=100.0),
    Target("tactical", "sharpe", "Sharpe ratio", low=1.5),
    Target("tactical", "max_drawdown", "maximum drawdown", high=0.02),
    Target("tactical", "trader.worst_session.net_return", "worst session", low=-0.02, exact=True),
    Target("tactical", "trade_figures.sizing_accuracy", "position sizing accuracy", low=0.90),
    Target("tactical", "trade_figures.stop_adherence", "stop adherence", low=0.95),
    Target("tactical", "trader.leverage_violations", "leverage violations", high=0.0, exact=True),
    Target("tactical", "trade_figures.trades_per_session", "round trips per session", low=12.0),
    Target("tactical", "trade_figures.order_success", "orders executed", low=0.95),
    Target("tactical", "trade_figures.slippage", "slippage", high=0.0002),
    Target("tactical", "trade_figures.market_impact", "market impact", high=0.0001),
    Target("system", "directional_accuracy", "directional accuracy", low=0.65),
    Target("system", "sharpe", "Sharpe ratio", low=2.0),
    Target("system", "max_drawdown", "maximum drawdown", high=0.10),
    Target("system", "win_rate", "win rate", low=0.55),
    Target("system", "risk_figures.annual_volatility", "annual volatility", high=0.15),
)
ELSEWHERE = (
    *_elsewhere("strategic", TIMED, ("99 % of decisions within, ms", None, 5.0),
                ("handing on to the tactical team, ms", None, 2.0)),
    *_elsewhere("strategic", MACHINE, ("peak memory, MB", None, 512.0),
                ("GPU utilisation", 0.80, None)),
    *_elsewhere("strategic", WHEN, ("episodes to convergence", None, 1000.0)),
    *_elsewhere("strategic", SERVICE, ("uptime", 0.999, None),
                ("decisions without a failure", 0.95, None), ("recovery, seconds", None, 30.0),
                ("answered synergies", 0.95, None), ("processed matrices", 0.99, None)),
    *_elsewhere("strategic", NO_PART, ("storage in a vector database", 0.99, None),
                ("quality of explanations by a language model", 0.85, None)),
    *_elsewhere("tactical", TIMED, ("95 % of decisions within, ms", None, 100.0),
                ("inference of an agent, ms", None, 30.0), ("aggregation of votes, ms", None, 5.0),
                ("matrix of a bar, ms", None, 10.0),
                ("99 % of the whole pipeline within, ms", None, 150.0)),
    *_elsewhere("tactical", RULED, ("accuracy of gap detection", 0.90, None)),
    *_elsewhere("tactical", SERVICE, ("uptime", 0.999, None), ("error rate", None, 0.01),
                ("recovery, seconds", None, 60.0)),
    *_elsewhere("system", TIMED, ("strategic decision, ms", None, 5.0),
                ("tactical decision, ms", None, 1.0)),
    *_elsewhere("system", SERVICE, ("uptime", 0.999, None), ("delivered matrices", 0.99, None)),
    *_elsewhere("system", MACHINE, ("episodes an hour", 1000.0, None),
                ("GPU utilisation", 0.90, None), ("GPU memory, GB", None, 16.0),
                ("memory, GB", None, 32.0), ("hours to stable performance", None, 24.0),
                ("storage a week of training, GB", None, 10.0),
                ("network traffic a day, GB", None, 1.0),
                ("energy of 1 000 episodes, Wh", None, 50.0)),
)  # fmt: skip
TARGETS = (*MEASURED, *ELSEWHERE)
