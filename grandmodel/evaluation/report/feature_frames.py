"""Tables of what features found in a file, as they are written beside its page."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grandmodel.features.extras.catalogue import EXTRAS
from grandmodel.features.gaps import EVENT_NAMES, GapEvents
from grandmodel.features.path import PathFeatures
from grandmodel.features.scaling import LIMIT, MATRIX_30
from grandmodel.features.synergy import KINDS, TYPE_NAMES, Synergies
from grandmodel.features.tactical import MATRIX_5
from grandmodel.market.bars import Bars
from grandmodel.market.splits import warmup_of

YEAR_NS = 365.25 * 86_400e9
SCORED_EVENTS = 200  # MLMI events until its value moves, and with it the first synergies
NOT_COLUMNS = ("close", "amount")  # read by the features, not columns
OF_A_GAP = ("fvg_nearest_level", "fvg_age", "fvg_width")  # nothing without an active one
PULSES = ("mlmi_signal", "fvg_mitigation_signal")
LEAST_SD, LARGEST_SD, MOST_CLIPPED, MOST_CONSTANT = 0.2, 1.2, 0.05, 0.7
CLIPPED_AT = {  # where a column's own scaling ends; the others end at +-3
    "corwin_schultz_20": 1.0,
    "nwrqk_value": 1.0, "nwrqk_slope": 1.0, "momentum_20": 1.0, "momentum_50": 1.0,
    "mmd_score": 2.0, "volume_profile_skew": 1.0, "fvg_nearest_level": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """The named columns of one clock."""

    minutes: int
    names: tuple[str, ...]  # of the matrix that agents read
    frame: pd.DataFrame  # timestamp, raw_<column>, scaled_<column>

    @property
    def warmup_bars(self) -> int:
        """Bars that are not decided on."""
        return warmup_of(self.minutes)


def times(stamps_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Return nanoseconds UTC as time stamps with their zone."""
    return pd.DatetimeIndex(stamps_ns.astype("datetime64[ns]"), tz="UTC")


def half_hour_columns(bars: Bars, features: PathFeatures, distance: NDArray[np.float64]) -> Columns:
    """Return the columns of half hours; ``distance`` is (nearest level - close) / close [bar]."""
    raw = features.raw | {"price_distance": distance}
    return Columns(bars.minutes, MATRIX_30, _matrix_frame(bars, raw, features))


def five_minute_columns(bars: Bars, features: PathFeatures) -> Columns:
    """Return the columns of five-minute bars."""
    raw = dict(features.raw)
    active = raw["fvg_bullish_active"] + raw["fvg_bearish_active"] > 0.0
    raw |= {name: np.where(active, raw[name], np.nan) for name in OF_A_GAP}
    return Columns(bars.minutes, MATRIX_5, _matrix_frame(bars, raw, features))


def _matrix_frame(bars: Bars, raw: dict[str, NDArray], features: PathFeatures) -> pd.DataFrame:
    """Return ``timestamp`` (bar open), ``raw_<column>`` and ``scaled_<column>``, undefined as nan.

    A column that has one form only stands under both names.
    """
    scaled = {k: values for k, values in features.scaled.items() if not k.startswith("raw_")}
    raw = {k: values for k, values in raw.items() if k not in NOT_COLUMNS}
    raw["atr_14"] = np.where(raw["atr_14"] > 0.0, raw["atr_14"], np.nan)
    raw |= {name: values for name, values in scaled.items() if name not in raw}
    columns = {f"raw_{name}": values for name, values in raw.items()}
    columns |= {f"scaled_{name}": values for name, values in scaled.items()}
    return pd.DataFrame({"timestamp": times(bars.open_time_ns), **columns})


def price_frame(bars: Bars) -> pd.DataFrame:
    """Return ``timestamp`` (bar open) and the four prices."""
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    return pd.DataFrame({"timestamp": times(bars.open_time_ns), **prices})


def gap_frame(events: GapEvents | None) -> pd.DataFrame:
    """Return what happened to gaps.

    Columns: ``time`` (close of the bar), ``event``, ``direction``, ``size`` (price units), ``born``
    (when the gap was created, which names it), ``bottom`` and ``top`` (its edges).
    """
    if events is None:
        whole, real = np.zeros(0, np.int64), np.zeros(0)
        events = GapEvents(whole, whole, whole, whole, real, real)
    return pd.DataFrame(
        {
            "time": times(events.time_ns),
            "event": np.array(EVENT_NAMES, dtype=object)[events.event],
            "direction": events.direction,
            "size": events.size,
            "born": times(events.born_ns),
            "bottom": events.bottom,
            "top": events.top,
        }
    )


def synergy_frame(synergies: Synergies, *, found: bool = True) -> pd.DataFrame:
    """Return synergies in order of time.

    Columns: ``time`` (when it was known), ``type``, ``direction``, ``confidence``, ``tied`` and the
    closes of its signals, ``mlmi``, ``nwrqk`` and ``fvg``; null where ``found`` is false: a market
    that brings its synergies tells nothing of signals.
    """
    frame = pd.DataFrame(
        {
            "time": times(synergies.time_ns),
            "type": np.array(TYPE_NAMES, dtype=object)[synergies.type - 1],
            "direction": synergies.direction,
            "confidence": synergies.confidence,
            "tied": synergies.tied,
        }
    )
    for place, kind in enumerate(KINDS):
        signals = synergies.signal_ns[:, place]
        frame[kind] = times(signals if found else np.full(len(signals), np.iinfo(np.int64).min))
    return frame


def scored_from_ns(bars: Bars, features: PathFeatures) -> int | None:
    """Return the close of the 200th MLMI event, from which on synergies can be; None: too few."""
    events = np.flatnonzero(features.raw["mlmi_signal"] != 0.0)
    if len(events) < SCORED_EVENTS:
        return None
    return int(bars.close_time_ns[events[SCORED_EVENTS - 1]])


def synergy_counts(bars: Bars, features: PathFeatures) -> pd.DataFrame:
    """Return ``type``, ``count`` and ``per_year``, counted from the 200th MLMI event on."""
    counts = features.synergies.counts()
    counts["all"] = len(features.synergies)
    since = scored_from_ns(bars, features)
    years = 0.0 if since is None else float(bars.close_time_ns[-1] - since) / YEAR_NS
    rate = [count / years if years > 0.0 else np.nan for count in counts.values()]
    return pd.DataFrame({"type": counts.keys(), "count": counts.values(), "per_year": rate})


def synergy_months(bars: Bars, features: PathFeatures) -> pd.DataFrame:
    """Return ``month``, a column of counts per type and ``all``, the first month with the events.

    Months run from that of the 200th MLMI event (or the first synergy) to that of the last bar,
    those without a synergy included; the first and the last may be partial.
    """
    stamps, since = features.synergies.time_ns, scored_from_ns(bars, features)
    known = [part for part in (since, *stamps[:1].tolist()) if part is not None]
    if not known:
        return pd.DataFrame(columns=["month", *TYPE_NAMES, "all"])
    months = times(np.array([min(known), bars.close_time_ns[-1]])).tz_localize(None)
    rows = [str(month) for month in pd.period_range(months[0], months[1], freq="M")]
    month = times(stamps).strftime("%Y-%m")
    names = np.array(TYPE_NAMES, dtype=object)[features.synergies.type - 1]
    table = pd.crosstab(month, names).reindex(index=rows, columns=[*TYPE_NAMES], fill_value=0)
    table["all"] = table.sum(axis=1)
    return table.rename_axis(index="month", columns=None).reset_index()


def spread_table(columns: Columns) -> pd.DataFrame:
    """Return how each scaled column of a matrix, and each extra one, spreads after the warm-up.

    Columns: ``mean``, ``sd``, ``clipped`` (share at the ends of its scale), ``most_frequent``
    (share of the commonest value) and ``test``: `pass`, `fail` with what fails, or `pulse`, which
    is exempt. Empty without bars after the warm-up. Source: `docs/definitions.md`, "Scaling".
    """
    rows = []
    matrix = columns.frame
    extra = [name for name in EXTRAS if f"scaled_{name}" in matrix and name not in columns.names]
    for name in (*columns.names, *extra):
        values = matrix[f"scaled_{name}"].to_numpy(np.float64)[columns.warmup_bars :]
        if not len(values):
            continue
        commonest = np.unique(values, return_counts=True)[1].max() / len(values)
        clipped = float(np.mean(np.abs(values) >= CLIPPED_AT.get(name, LIMIT)))
        told = _told(name, float(values.std()), clipped, commonest)
        rows.append((name, values.mean(), values.std(), clipped, commonest, told))
    return pd.DataFrame(rows, columns=["column", "mean", "sd", "clipped", "most_frequent", "test"])


def _told(name: str, sd: float, clipped: float, commonest: float) -> str:
    if name in PULSES:
        return "pulse"
    wrong = {
        "sd": not LEAST_SD <= sd <= LARGEST_SD,
        "clipped": clipped >= MOST_CLIPPED,
        "constant": commonest >= MOST_CONSTANT,
    }
    failed = [what for what, fails in wrong.items() if fails]
    return f"fail: {', '.join(failed)}" if failed else "pass"
