"""All columns of one path on the five-minute clock: the matrix, synergies of both clocks, context.

What 30-minute bars tell is known at their close and no earlier.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grandmodel.core.clock import close_time_ns
from grandmodel.features.config import FeatureConfig
from grandmodel.features.extras.base import Extra
from grandmodel.features.latched import LATCHED, latched
from grandmodel.features.mlmi import Mlmi
from grandmodel.features.nwrqk import Nwrqk
from grandmodel.features.path import Columns, PathArrays, PathFeatures
from grandmodel.features.synergy import (
    GapSignals,
    StrategicSignals,
    Synergies,
    SynergyDetector,
    no_synergies,
)
from grandmodel.features.tactical import MATRIX_5, TacticalMatrix
from grandmodel.features.time_of_day import TimeOfDay
from grandmodel.features.volatility import Volatility

TACTICAL_CONTEXT = (*LATCHED, "log_volatility_ratio", "hour_sin", "hour_cos", "weekday")
TACTICAL_COLUMNS = (*MATRIX_5, *TACTICAL_CONTEXT, "raw_volatility_30")


def tactical_features(
    path: PathArrays, config: FeatureConfig, extras: Sequence[Extra] = ()
) -> PathFeatures:
    """Return what a tape of five-minute decisions holds of one path.

    Args:
        path: its bars and the same market in half hours, from the same first half hour on.
        config: scaling, MLMI store and synergy gates.
        extras: what computes further columns, fresh.
    """
    five = path.bars
    matrix = TacticalMatrix(five.tick, five.volume_kind, config.scaling)
    raw, scaled, events = matrix.with_events(five)
    gaps = {name: values for name, values in raw.items() if name.startswith("fvg_")}
    closes = close_time_ns(five.open_time_ns, five.minutes)
    slow = _strategic(path, config)
    synergies = path.synergies or _synergies(path, gaps, slow, config)
    raw["mlmi_signal"] = _pulses(path, slow, closes)
    raw |= Volatility().over(five) | TimeOfDay().over(five)
    raw["atr_14"] = np.nan_to_num(gaps["fvg_atr_14"])
    found = {
        **scaled,
        **latched(synergies, closes, five.minutes),
        "log_volatility_ratio": np.log(raw["volatility_30"]),
        "hour_sin": raw["hour_sin"],
        "hour_cos": raw["hour_cos"],
        "weekday": raw["weekday"],
        "raw_volatility_30": raw["volatility_30"],
    }
    kept = {name: found[name] for name in TACTICAL_COLUMNS}
    for extra in extras:
        if set(extra.columns) <= set(kept):
            continue  # the matrix has it
        forms = extra.over(five)
        raw, kept = raw | forms.raw, kept | forms.scaled
    return PathFeatures(raw, kept, gaps, events, synergies)


def _strategic(path: PathArrays, config: FeatureConfig) -> StrategicSignals | None:
    """Return what half hours signal; None where there are none, or the data bring synergies."""
    if path.slow is None or path.synergies is not None:
        return None
    slow = Mlmi(config.mlmi.memory, config.mlmi.label_mode).over(path.slow)
    slow |= Nwrqk().over(path.slow)
    return StrategicSignals(
        slow["mlmi_value"], slow["mlmi_signal"], slow["nwrqk_signal"], slow["nwrqk_slope"]
    )


def _pulses(
    path: PathArrays, signals: StrategicSignals | None, closes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return MLMI's pulses on the rows at whose close they are first known."""
    shown = np.zeros(len(closes))
    if path.slow is None or signals is None:
        return shown
    known_from = close_time_ns(path.slow.open_time_ns, path.slow.minutes)
    pulses = np.asarray(signals.mlmi_signal)
    events = np.flatnonzero(pulses)
    rows = np.searchsorted(closes, known_from[events])
    seen = rows < len(closes)
    shown[rows[seen]] = pulses[events[seen]]
    return shown


def _synergies(
    path: PathArrays, gaps: Columns, strategic: StrategicSignals | None, config: FeatureConfig
) -> Synergies:
    """Join the pulses and turns of the slow clock with the gaps of the fast one, as they close."""
    five, thirty = path.bars, path.slow
    if thirty is None or strategic is None:
        return no_synergies()
    filled = GapSignals(
        gaps["fvg_mitigated_direction"], gaps["fvg_mitigated_size"], gaps["fvg_atr_14"], five.close
    )
    return SynergyDetector(config.synergy.gates).over(
        close_time_ns(thirty.open_time_ns, thirty.minutes),
        strategic,
        close_time_ns(five.open_time_ns, five.minutes),
        filled,
    )
