"""All columns of one path on the five-minute clock: the matrix, synergies of both clocks, context.

What 30-minute bars tell is known at their close and no earlier.
"""

import numpy as np

from grandmodel.core.clock import close_time_ns
from grandmodel.features.config import FeatureConfig
from grandmodel.features.inputs import BarArrays
from grandmodel.features.latched import LATCHED, latched
from grandmodel.features.matrix import Columns, PathFeatures
from grandmodel.features.mlmi import Mlmi
from grandmodel.features.nwrqk import Nwrqk
from grandmodel.features.synergy import GapSignals, StrategicSignals, Synergies, SynergyDetector
from grandmodel.features.tactical import MATRIX_5, TacticalMatrix
from grandmodel.features.time_of_day import TimeOfDay
from grandmodel.features.volatility import Volatility

TACTICAL_CONTEXT = (*LATCHED, "log_volatility_ratio", "hour_sin", "hour_cos", "weekday")
TACTICAL_COLUMNS = (*MATRIX_5, *TACTICAL_CONTEXT, "raw_volatility_30")


def tactical_features(five: BarArrays, thirty: BarArrays, config: FeatureConfig) -> PathFeatures:
    """Return what a tape of five-minute decisions holds of one path.

    Args:
        five: its bars, with the local calendar of their opens.
        thirty: the same market in 30-minute bars, from the same first half hour on.
        config: scaling, MLMI store and synergy gates.
    """
    matrix = TacticalMatrix(five.tick, five.volume_kind, config.scaling)
    raw, scaled, events = matrix.with_events(five)
    gaps = {name: values for name, values in raw.items() if name.startswith("fvg_")}
    synergies = _synergies(five, thirty, gaps, config)
    raw |= Volatility().over(five) | TimeOfDay().over(five)
    raw["atr_14"] = np.nan_to_num(gaps["fvg_atr_14"])
    closes = close_time_ns(five.open_time_ns, five.minutes)
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
    return PathFeatures(raw, kept, gaps, events, synergies)


def _synergies(
    five: BarArrays, thirty: BarArrays, gaps: Columns, config: FeatureConfig
) -> Synergies:
    """Join the pulses and turns of the slow clock with the gaps of the fast one, as they close."""
    slow = Mlmi(config.mlmi.memory, config.mlmi.label_mode).over(thirty) | Nwrqk().over(thirty)
    strategic = StrategicSignals(
        slow["mlmi_value"], slow["mlmi_signal"], slow["nwrqk_signal"], slow["nwrqk_slope"]
    )
    filled = GapSignals(
        gaps["fvg_mitigated_direction"], gaps["fvg_mitigated_size"], gaps["fvg_atr_14"], five.close
    )
    return SynergyDetector(config.synergy.gates).over(
        close_time_ns(thirty.open_time_ns, thirty.minutes),
        strategic,
        close_time_ns(five.open_time_ns, five.minutes),
        filled,
    )
