"""What `data.stress` may ask for: seven kinds of act, each with keys and defaults of its own.

Source: `docs/definitions.md`, Stress.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grandmodel.core.checks import UserError, require, require_between, require_choice

KEY = "data.stress"
AT = 0.45  # no share at which judged stretches are cut: a gap there would hit nobody
COMMON: dict[str, Any] = {"at": AT, "times": 1, "volume": 1.0, "spread": 1.0}
OWN_KEYS: dict[str, dict[str, Any]] = {  # beside the common ones, with defaults
    "flash_crash": {"size": -0.10, "bars": 1},
    "gap_open": {"size": -0.05},
    "volatility_spike": {"size": 5.0, "bars": 46},
    "liquidity_drought": {"bars": 46, "volume": 0.05, "spread": 10.0},
    "limit_halt": {"size": 0.07, "bars": 13, "absent": True},
    "correlation_break": {"bars": 230, "period_bars": 1},
    "negative_prices": {"size": -0.5, "bars": 13},
}
KINDS = tuple(OWN_KEYS)
MOVES = ("flash_crash", "gap_open", "limit_halt")  # size is a share of the price, signed
UNBOUNDED = float("inf")


@dataclass(frozen=True, kw_only=True)
class Act:
    """One kind of stress, how strong it is, and where in each judged stretch it comes.

    Lengths are in bars of the decision clock; `volume` and `spread` are factors on the volume and
    on half the spread while it lasts.
    """

    kind: str
    size: float = 0.0  # share of the price, or factor on its moves (volatility_spike)
    bars: int = 1
    at: float = AT  # where in the stretch it begins, as a share of it
    times: int = 1  # the stretch is cut into as many parts, and `at` is counted in each
    volume: float = 1.0
    spread: float = 1.0
    absent: bool = True  # limit_halt: no bars while it lasts; else bars at the limit
    period_bars: int = 1  # correlation_break: every second period is mirrored

    def __post_init__(self) -> None:
        """Refuse strengths that are none."""
        name = f"{KEY} {self.kind}"
        for key in ("bars", "times", "period_bars"):
            value = getattr(self, key)
            require(value >= 1, f"{name}: {key} must be at least 1, was {value}")
        require_between(f"{name}: at", self.at, 0.0, 1.0, closed="low")
        require_between(f"{name}: volume", self.volume, 0.0, UNBOUNDED, closed="low")
        require_between(f"{name}: spread", self.spread, 0.0, UNBOUNDED, closed="low")
        if self.kind in MOVES:
            require_between(f"{name}: size", self.size, -1.0, 10.0)
            require(self.size != 0.0, f"{name}: size is 0, which moves nothing: give a share")
        if self.kind == "volatility_spike":
            require_between(f"{name}: size", self.size, 0.0, 100.0)
        if self.kind == "negative_prices":
            require_between(f"{name}: size", self.size, -10.0, 1.0)

    def told(self) -> str:
        """Return the act in words, with the keys that its kind reads."""
        keys = {key: getattr(self, key) for key in OWN_KEYS[self.kind]}
        keys |= {k: getattr(self, k) for k in ("volume", "spread") if getattr(self, k) != 1.0}
        words = [f"{key} {str(value).lower()}" for key, value in keys.items()]
        return f"{self.kind} ({', '.join(words)})"


def parse_stress(given: Any) -> tuple[Act, ...]:
    """Read ``data.stress``: null, a kind, a mapping with its keys, or a list of these.

    Raises:
        UserError: a kind or key that does not exist, or a value out of range.
    """
    if given is None:
        return ()
    several = isinstance(given, Sequence) and not isinstance(given, str)
    items: Sequence[Any] = given if several else [given]  # pyright: ignore
    return tuple(_act(item) for item in items)


def _act(item: Any) -> Act:
    if isinstance(item, str):
        item = {"kind": item}
    if not isinstance(item, Mapping) or "kind" not in item:
        raise UserError(
            f"{KEY} must be a kind ({', '.join(KINDS)}), {{kind: KIND, key: value}}, or a list of "
            f"these, was {item}"
        )
    keys = {str(key): value for key, value in item.items()}
    kind = str(keys.pop("kind"))
    require_choice(KEY, kind, KINDS)
    usual = COMMON | OWN_KEYS[kind]
    for key, value in keys.items():
        require(
            key in usual, f"{KEY} {kind} reads no {key}: its keys are {', '.join(sorted(usual))}"
        )
        keys[key] = _as_kind_of(usual[key], value, f"{KEY} {kind}: {key}")
    return Act(kind=kind, **(usual | keys))


def _as_kind_of(usual: Any, value: Any, name: str) -> Any:
    """Return a value of the type of the default."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(usual, bool):
        require(isinstance(value, bool), f"{name} must be true or false, was {value}")
        return value
    if isinstance(usual, int):
        require(number and float(value).is_integer(), f"{name} must be a whole number, was {value}")
        return int(value)
    require(number, f"{name} must be a number, was {value}")
    return float(value)
