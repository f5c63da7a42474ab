"""The one style of error: a sentence the user can act on."""

from collections.abc import Sequence


class UserError(ValueError):
    """Something the user can mend.

    The message is one sentence that names the file or key, the value, the rule and the
    remedy. Entry points print it without a traceback and exit with status 2.
    """


def require(condition: bool, sentence: str) -> None:
    """Raise :class:`UserError` with ``sentence`` unless ``condition`` holds."""
    if not condition:
        raise UserError(sentence)


def require_between(key: str, value: float, low: float, high: float, *, closed: str = "") -> None:
    """Refuse ``value`` outside an interval, in the house's message form.

    Args:
        key: full configuration key, for example ``algorithm.clip_ratio``.
        value: what the user gave.
        low: lower edge.
        high: upper edge.
        closed: which edges belong to the interval: ``""``, ``"low"``, ``"high"``, ``"both"``.
    """
    above = value >= low if closed in ("low", "both") else value > low
    below = value <= high if closed in ("high", "both") else value < high
    left = "[" if closed in ("low", "both") else "("
    right = "]" if closed in ("high", "both") else ")"
    require(above and below, f"{key} must lie in {left}{low:g}, {high:g}{right}, was {value}")


def require_distinct(key: str, values: Sequence[object]) -> None:
    """Refuse ``values`` of which two are equal."""
    doubled = [value for index, value in enumerate(values) if value in values[:index]]
    again = "".join(str(value) for value in doubled[:1])
    require(not doubled, f"{key} must name each value once, was {again} twice")


def require_choice(key: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse a ``value`` that is none of ``choices``."""
    listed = ", ".join(str(choice) for choice in choices)
    require(value in choices, f"{key} must be one of {listed}, was {value}")
