"""Percentages of prices whose level tells nothing, counted in average ranges instead.

Source: `docs/definitions.md`, "Adjusted prices".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from grandmodel.features.levels import LARGEST_PERCENT
from grandmodel.features.profile import SUPPORT_REACH

RANGES = 500.0  # of ATR(14) stand for the price: half hours range over about 0.2 % of it


def nodes_in_ranges(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``lvn_distance`` and ``support_strength`` with 500 ATR(14) in place of the price.

    Values are arrays [bar] or numbers; while the range is not known they stay as they are.
    """
    distance = raw["lvn_distance"] * _scale(raw)
    support = raw["lvn_strength"] - np.minimum(1.0, distance / SUPPORT_REACH)
    return {
        "lvn_distance": distance,
        "support_strength": np.where(np.isnan(distance), 0.0, np.maximum(0.0, support)),
    }


def levels_in_ranges(found: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the level inputs of the temporal network counted likewise."""
    scale = _scale(raw)
    known = raw["nwrqk_value"] > 0.0
    ahead = np.where(known, (raw["nwrqk_value"] - raw["close"]) / raw["close"] * scale, 0.0)
    distance = found["raw_price_distance"] * scale
    return {
        **found,
        "nwrqk_pred": _share(ahead),
        "fvg_size": found["fvg_size"] * scale,
        "raw_price_distance": distance,
        "price_distance": _share(distance),
    }


def _scale(raw: Mapping[str, Any]) -> Any:
    """Return price / (500 ATR(14)), 1 until the range is known."""
    ranges = np.asarray(raw["atr_14"]) * RANGES
    return np.where(ranges > 0.0, raw["close"] / np.where(ranges > 0.0, ranges, 1.0), 1.0)


def _share(fraction: Any) -> Any:
    """Return a fraction in per cent, clipped to +-5 and divided by 5."""
    return np.clip(100.0 * fraction, -LARGEST_PERCENT, LARGEST_PERCENT) / LARGEST_PERCENT
