"""The ledger as tables: a row per line, and a row per bars.

Source: ``docs/definitions.md``, Trials and the ledger.
"""

from typing import Any

import pandas as pd

from grandmodel.evaluation.trials.ledger import Ledger
from grandmodel.evaluation.trials.ledger_lines import LedgerLines, opened_spans

COLUMNS = (
    "line",
    "time",
    "kind",
    "trial",
    "split",
    "agent",
    "instrument",
    "data",
    "origin",
    "config",
    "seed",
    "n",
    "mean",
    "sd",
    "skew",
    "kurtosis",
    "sharpe",
    "verdict",
    "opens_test",
    "run",
    "returns",
    "returns_kept",
)
DAMAGED = "damaged"


def lines_frame(ledger: Ledger, found: LedgerLines) -> pd.DataFrame:
    """Return a row per line with :data:`COLUMNS`, a line that cannot be read marked by its kind.

    ``line`` is its place in the file, ``returns_kept`` whether the file of returns is there.
    Lines of an earlier version lack time, agent, instrument and origin.
    """
    places = range(1, len(found.lines) + len(found.damaged) + 1)
    whole = [place for place in places if place not in found.damaged]
    folder = ledger.path.parent
    rows: list[dict[str, Any]] = [
        {
            **{key: line.get(key) for key in COLUMNS},
            "line": place,
            "returns_kept": (folder / str(line["returns"])).is_file(),
        }
        for place, line in zip(whole, found.lines, strict=True)
    ]
    rows += [{"line": place, "kind": DAMAGED} for place in found.damaged]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("line", ignore_index=True)
    return frame.astype({"seed": "Int64", "n": "Int64", "sharpe": float})


def summary_frame(frame: pd.DataFrame, found: LedgerLines) -> pd.DataFrame:
    """Return a row per fingerprint of bars: what was tried on them, and how often they were opened.

    Columns: instrument, data, lines, trials and configs and seeds (different ones among the rows),
    trials_counted (all trials on these bars and on what was made of them, as a verdict counts
    them), openings (looks at the sealed test bars, other fingerprints of the same bars included),
    best_sharpe and worst_sharpe.
    """
    rows = []
    for data, lines in frame.dropna(subset=["data"]).groupby("data", sort=False):
        opened = [line for line in found.lines if line["data"] == data]
        spans = [span for line in opened for span in opened_spans(line)]
        names = lines["instrument"].dropna()
        rows.append(
            {
                "instrument": None if names.empty else names.iloc[-1],
                "data": data,
                "lines": len(lines),
                "trials": lines["trial"].nunique(),
                "configs": lines["config"].nunique(),
                "seeds": lines["seed"].nunique(),
                "trials_counted": found.trials(str(data)),
                "openings": found.openings(spans),
                "best_sharpe": lines["sharpe"].max(),
                "worst_sharpe": lines["sharpe"].min(),
            }
        )
    return pd.DataFrame(rows)
