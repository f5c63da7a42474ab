"""The files of a judgement: metrics, equity, trades and decisions, each whole or absent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grandmodel.core.clock import MINUTE_NS
from grandmodel.core.files import atomic_path, write_json
from grandmodel.evaluation.accounts.track import Market, Track
from grandmodel.evaluation.measures.metrics import Measured
from grandmodel.evaluation.statistics.intervals import Interval, with_intervals

OWN_COLUMN, LATE_COLUMN, DEAR_COLUMN = "net", "one_decision_late", "twice_the_costs"


def equity_frame(track: Track, market: Market) -> pd.DataFrame:
    """Rows of ``equity.parquet``: one per decision, stamped by the close it is marked at.

    Columns: timestamp (UTC), path, segment, equity (currency, each segment begins with the
    capital), position (held over the bar that ends there), pnl_gross and cost (currency).
    """
    closes = market.open_time_ns[track.bar + 1] + market.minutes * MINUTE_NS
    return pd.DataFrame(
        {
            "timestamp": pd.to_datetime(closes, utc=True),
            **_places(track),
            "equity": track.equity,
            "position": track.position,
            "pnl_gross": track.pnl_gross,
            "cost": track.cost,
        }
    )


def sessions_frame(own: Measured, beside: Mapping[str, Measured]) -> pd.DataFrame:
    """Rows of ``sessions.parquet``: one per session, paths one after another.

    Columns: timestamp (UTC, close of the session's last bar), path, net (net return of the
    judged account, fraction), and a column of the same kind for each account beside it.

    Args:
        own: the judged account.
        beside: by the name of their column, accounts over the same sessions.

    Raises:
        ValueError: an account does not have the same sessions.
    """
    sessions = own.sessions
    for name, found in beside.items():
        if not np.array_equal(found.sessions.close_time_ns, sessions.close_time_ns):
            raise ValueError(f"{name} was not judged over the sessions of the account")
    return pd.DataFrame(
        {
            "timestamp": pd.to_datetime(sessions.close_time_ns, utc=True),
            "path": np.repeat(np.array(sessions.paths, np.int64), np.diff(sessions.path_first)),
            OWN_COLUMN: sessions.net,
            **{name: found.sessions.net for name, found in beside.items()},
        }
    )


def _places(track: Track) -> dict[str, np.ndarray]:
    """Path and segment of each row."""
    of_row = track.segment_of_row()
    return {
        "path": np.array([s.path for s in track.segments], np.int64)[of_row],
        "segment": np.array([s.segment for s in track.segments], np.int64)[of_row],
    }


def metrics_record(
    measured: Measured,
    found: Mapping[str, Interval],
    *,
    split: str,
    verdict: str,
    verdict_reason: str,
    env_steps: int,
    env_steps_per_s: float | None,
    seconds: float | None,
    baselines: Mapping[str, Mapping[str, Any]] | None = None,
    references: Mapping[str, Mapping[str, Any]] | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Compose the object of ``metrics.json``.

    Apart from ``seconds`` and ``env_steps_per_s`` nothing in it may depend on the clock, the
    machine or the folder.
    """
    return {
        "verdict": verdict,
        "verdict_reason": verdict_reason,
        "split": split,
        **with_intervals(measured.scalars, found),
        "sessions": len(measured.sessions),
        "paths": len(measured.sessions.paths),
        "env_steps": env_steps,
        "env_steps_per_s": env_steps_per_s,
        "seconds": seconds,
        **facts,
        "baselines": {name: dict(values) for name, values in (baselines or {}).items()},
        **({"references": {k: dict(v) for k, v in references.items()}} if references else {}),
    }


def write_tables(
    folder: Path,
    *,
    equity: pd.DataFrame,
    trades: pd.DataFrame,
    decisions: pd.DataFrame,
    sessions: pd.DataFrame,
) -> None:
    """Write the four tables of a judgement."""
    write_frame(folder / "equity.parquet", equity)
    write_frame(folder / "trades.parquet", trades)
    write_frame(folder / "decisions.parquet", decisions)
    write_frame(folder / "sessions.parquet", sessions)


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write ``metrics.json``, after the tables: where it exists, they do."""
    write_json(folder / "metrics.json", tidy(metrics))


def write_frame(target: Path, frame: pd.DataFrame) -> None:
    """Write ``frame`` as Parquet, whole or not at all."""
    with atomic_path(target) as temporary:
        frame.to_parquet(temporary, index=False)


def tidy(value: Any) -> Any:
    """Turn NumPy scalars into Python's and what is not finite into None, at every depth."""
    if isinstance(value, Mapping):
        return {str(key): tidy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
