"""How a training ended: convergence, episodes, and each agent's exploration, trend and votes.

Source: `docs/definitions.md`, Logged metrics.
"""

from collections.abc import Mapping

from rich import box
from rich.table import Table

from grandmodel.evaluation.report.tables import shown

AGENT_READINGS: tuple[tuple[str, str, str], ...] = (  # before and after the name, heading
    ("monitor/exploration/", "", "exploration"),
    ("votes/", "/accuracy", "votes right"),
    ("votes/", "/base", "constant"),
    ("votes/", "/confidence", "confidence"),
)
TREND = "monitor/trend/policy_loss/"


def training_records(told: Mapping[str, float]) -> list[dict[str, str]]:
    """One row per agent.

    Args:
        told: the monitor's last readings, by logged name.
    """
    names = [
        key.removeprefix(before).removesuffix(after)
        for before, after, _ in AGENT_READINGS[:2]
        for key in told
        if key.startswith(before) and key.endswith(after)
    ]
    return [
        {
            "agent": name,
            **{
                heading: shown(told.get(f"{before}{name}{after}"), "percent")
                for before, after, heading in AGENT_READINGS
            },
            "trend of its loss": _slope(told.get(f"{TREND}{name}")),
        }
        for name in dict.fromkeys(names)
    ]


def training_sentence(told: Mapping[str, float]) -> str:
    """What the last updates and the last episodes say of the training as a whole."""
    parts = []
    if "monitor/convergence" in told:
        state = "converged" if told["monitor/converged"] else "not converged"
        spread = told["monitor/convergence"]
        share = f"{shown(spread, 'percent')} of itself" if spread <= 1.0 else "more than itself"
        trend = _slope(told.get("monitor/trend/value_loss"))
        parts.append(f"{state}: the mean reward of an update varies by {share}")
        parts.append(f"value loss {trend} an update")
    else:
        parts.append("too few updates to tell convergence and trends")
    if "monitor/episodes" in told:
        mean, sd, worst, best = (
            shown(told[f"monitor/episode_reward{end}"], "number")
            for end in ("", "_sd", "_worst", "_best")
        )
        parts.append(
            f"{shown(told['monitor/episodes'], 'count')} episodes, the last ones of "
            f"{told['monitor/episode_length']:.0f} decisions with a reward of {mean} "
            f"(sd {sd}, {worst} to {best})"
        )
    return "; ".join(parts)


def _slope(value: float | None) -> str:
    return shown(None, "number") if value is None else f"{value:+.1e}"


def terminal_training(told: Mapping[str, float]) -> Table:
    """The table of agents, the sentence below it."""
    records = training_records(told)
    table = Table(title="how the training ended", box=box.SIMPLE, caption=training_sentence(told))
    for number, heading in enumerate(records[0] if records else {}):
        table.add_column(heading, justify="left" if number == 0 else "right")
    for record in records:
        table.add_row(*record.values())
    return table
