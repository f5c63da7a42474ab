"""The table of all columns that an agent may name: docs/columns.md is this text.

Source: `docs/definitions.md`, "Extra columns".
"""

from typing import NamedTuple

from grandmodel.features.extras.catalogue import EXTRAS, Circumstances, make_extras
from grandmodel.features.extras.schedule import EVENT_COLUMNS, KINDS
from grandmodel.features.latched import LATCHED
from grandmodel.features.matrix import CONTEXT, MODIFIERS, TEMPORAL
from grandmodel.features.scaling import MATRIX_30
from grandmodel.features.tactical import MATRIX_5, TacticalMatrix
from grandmodel.features.tactical_path import TACTICAL_COLUMNS
from grandmodel.market.events import IMPORTANCES


class Facts(NamedTuple):
    """What a column says."""

    raw: str  # meaning and unit
    scaled: str  # what agents read; "=": as it is


INTRO = """# Columns

Any agent takes any of these columns, in its window (`inputs`) or beside it (`context`):

```
python train.py 'agent.members.mlmi.inputs=[rsi_14,macd_hist,mlmi_value]'
python -m grandmodel.commands.inspect data.path=FILE features.extra=all out=DIR
```

Extra columns are computed where an agent or a reward term of yours names them, or by
`features.extra=[NAME,...]` or `features.extra=all`; the others cost nothing. Agents read the scaled
form, 0 where undefined; `inspect` writes both as `raw_NAME` and `scaled_NAME`. Formulas are in
[definitions.md](definitions.md), your own columns in [extend.md](extend.md).
`memory` is after how many 30-minute bars another start of the file no longer matters, in the two
tables of `features.minutes=5` (`agent=tactical`) after how many five-minute bars.
"""
LOG_RULE = "{} x log over its own mean (EMA 0.01), +-3"
Z_RULE = "rolling z clipped to +-3, / 3"

SHIPPED = {
    "mlmi_value": Facts("momentum index, 0 to 100", "(v - 50) / 50"),
    "mlmi_signal": Facts("cross of two means on this bar, -1, 0, 1", "="),
    "nwrqk_value": Facts("kernel regression of the close, price", "(v - close) / 5 ATR(14), +-1"),
    "nwrqk_slope": Facts("its slope, bp per bar", Z_RULE),
    "lvn_distance": Facts("distance to the nearest low-volume node, fraction", "exp(-100 v)"),
    "lvn_strength": Facts("how empty that node is, 0 to 1", "="),
    "hour_sin": Facts("exchange-local hour of the open as an angle", "="),
    "hour_cos": Facts("the same", "="),
    "momentum_20": Facts("return over 20 bars, fraction", Z_RULE),
    "momentum_50": Facts("return over 50 bars, fraction", Z_RULE),
    "mmd_score": Facts("change of regime, 0 to about 1", "v / 0.4, at most 2"),
    "volatility_30": Facts("sd of 30 returns over its usual value, ratio", "log v"),
    "volume_profile_skew": Facts("skewness of volume over price, -1 to 1", "="),
    "slope_z": Facts("z-score of nwrqk_slope, +-3", "="),
    "raw_volatility_30": Facts("volatility_30 itself, ratio", "="),
    "lvn_side": Facts("node below (-1) or above (1) the close", "="),
    "support_strength": Facts("strength of a node less its distance, 0 to 1", "="),
    "synergy_confidence": Facts("of the synergy since the bar before, 0 to 1", "="),
    "synergy_direction": Facts("its direction, -1, 0, 1", "="),
    "log_volatility_ratio": Facts("log of volatility_30", "="),
    "weekday": Facts("Monday 0 to Sunday 1", "="),
    "nwrqk_pred": Facts("(nwrqk_value - close) / close", "in per cent, +-5, / 5"),
    "fvg_size": Facts("width of the nearest open gap, per cent of the close", "="),
    "price_distance": Facts("(level of that gap - close) / close", "in per cent, +-5, / 5"),
    "volume_imbalance": Facts("rising less falling bars' share of 20 bars' volume", "="),
    "level_touches": Facts("bars of 48 that reached that level", "v / 10"),
}

ADDED = {
    "rsi_14": Facts("relative strength index, 0 to 100", "(v - 50) / 25"),
    "macd": Facts("EMA 12 less EMA 26 of the close, price", "v / 2 ATR(14), +-3"),
    "macd_signal": Facts("EMA 9 of it, price", "v / 2 ATR(14), +-3"),
    "macd_hist": Facts("macd less macd_signal, price", "v / 0.5 ATR(14), +-3"),
    "natr_14": Facts("ATR(14) in per cent of the close", LOG_RULE.format(2)),
    "bb_upper": Facts("Bollinger band, mean + 2 sd of 20 closes, price", "(v - close) / 4 ATR(14)"),
    "bb_lower": Facts("mean - 2 sd, price", "(v - close) / 4 ATR(14)"),
    "bb_position": Facts("(close - mean) / 2 sd", "="),
    "bb_width": Facts("upper less lower over the mean, fraction", LOG_RULE.format(1)),
    "volume_ratio": Facts(
        "volume over the mean of the 20 bars before of the same local time", "tanh(log v)"
    ),
    "signed_volume_20": Facts("20 bars' volume by where they closed, -1 to 1", "3 v"),
    "amihud_20": Facts(
        "absolute return per amount traded, bp per million, 20 bars", LOG_RULE.format(1.5)
    ),
    "parkinson_20": Facts(
        "volatility per bar from highs and lows, fraction, 20 bars", LOG_RULE.format(2)
    ),
    "corwin_schultz_20": Facts("spread from highs and lows, fraction, 20 pairs", Z_RULE),
    "roll_spread_20": Facts("spread from returns that turn back, fraction", "v / sd of 20 returns"),
    "close_in_range": Facts("place of the close in its bar, -1 low to 1 high", "="),
    "opening_gap": Facts("open over the close before - 1, fraction", "in ATR(14), +-3"),
    "trend_regime": Facts("1 up, -1 down, 0 none or volatility unusual", "="),
    "volatility_regime": Facts("-1 quiet, 0 normal, 1 high, 2 crisis", "="),
    "session_tokyo": Facts("1 from 09:00 to 15:00 there, Monday to Friday", "="),
    "session_london": Facts("1 from 08:00 to 16:30 there", "="),
    "session_new_york": Facts("1 from 09:30 to 16:00 there", "="),
}
FAST = {
    "fvg_bullish_active": Facts("1 while a bullish gap is open", "="),
    "fvg_bearish_active": Facts("1 while a bearish gap is open", "="),
    "fvg_nearest_level": Facts(
        "nearest edge of an open gap, price", "(v - close) / 4 ATR(14), +-1"
    ),
    "fvg_age": Facts("bars since that gap was created", "exp(-v / 10)"),
    "fvg_mitigation_signal": Facts("1 on a bar that fills a gap", "="),
    "price_momentum_5": Facts("return over 5 bars, +-0.1", "tanh(v / 2 of its usual size)"),
    "volume_ratio": ADDED["volume_ratio"],
    **{
        f"synergy_type_{k}": Facts(f"1 while a TYPE_{k} synergy is shown", "=") for k in range(1, 5)
    },
    "synergy_direction": Facts("of the synergy of the last half hour, -1, 0, 1", "="),
    "synergy_confidence": Facts("its confidence, 0 to 1", "="),
    "synergy_age": Facts("time since it was complete, in units of ten bars", "="),
    **{
        name: SHIPPED[name]
        for name in ("log_volatility_ratio", "hour_sin", "hour_cos", "weekday", "raw_volatility_30")
    },
}
EVENT_FACTS = {
    "ahead": Facts("hours from the close to the next {} event", "exp(-v / 24)"),
    "since": Facts("hours since the last {} event", "exp(-v / 24)"),
    "due": Facts("1 where a {} event falls into the coming bar", "="),
}


def extra_facts() -> dict[str, Facts]:
    """Return the facts of every extra column."""
    events = {
        f"event_{kind}_{one}": Facts(EVENT_FACTS[kind].raw.format(one), EVENT_FACTS[kind].scaled)
        for one in IMPORTANCES
        for kind in KINDS
    }
    return ADDED | events


def _memory() -> dict[str, int]:
    names = [name for name in EXTRAS if name not in EVENT_COLUMNS]
    made = make_extras(names, Circumstances("traded", 30))
    return {name: part.memory_bars for part in made for name in part.columns}


def _table(title: str, names: tuple[str, ...], facts: dict[str, Facts], memory: dict) -> str:
    rows = [
        f"| `{name}` | {facts[name].raw} | "
        f"{'as it is' if facts[name].scaled == '=' else facts[name].scaled} | "
        f"{memory.get(name, '')} |"
        for name in names
    ]
    head = "| column | raw | scaled | memory |\n|---|---|---|---|\n"
    return f"\n## {title}\n\n{head}" + "\n".join(rows) + "\n"


def columns_page() -> str:
    """Return the text of docs/columns.md."""
    extra, memory = extra_facts(), _memory()
    shipped = dict.fromkeys(SHIPPED, "2100")
    shipped |= dict.fromkeys(("hour_sin", "hour_cos", "weekday"), "0")
    shipped |= dict.fromkeys(("mlmi_value", "synergy_confidence", "synergy_direction"), "events")
    beside = tuple(name for name in (*MODIFIERS, *CONTEXT) if name not in MATRIX_30)
    events = dict.fromkeys(EVENT_COLUMNS, 0)
    plain = tuple(name for name in EXTRAS if name not in EVENT_COLUMNS)
    fast = dict.fromkeys(TACTICAL_COLUMNS, "2100") | dict.fromkeys(LATCHED, "events")
    fast |= dict.fromkeys(("hour_sin", "hour_cos", "weekday"), "0")
    fast["volume_ratio"] = str(TacticalMatrix(0.0, "traded").memory_bars)
    context = tuple(name for name in TACTICAL_COLUMNS if name not in MATRIX_5)
    return INTRO + "".join(
        (
            _table("The 48x13 matrix", MATRIX_30, SHIPPED, shipped),
            _table("Beside the matrix", beside, SHIPPED, shipped),
            _table("Level inputs, computed where asked for", TEMPORAL, SHIPPED, shipped),
            _table("The 60x7 matrix, on five-minute bars", MATRIX_5, FAST, fast),
            _table("Beside the five-minute matrix", context, FAST, fast),
            _table("Extra columns", plain, extra, memory),
            _table("Economic calendar, with `data.events=FILE`", EVENT_COLUMNS, extra, events),
        )
    )
