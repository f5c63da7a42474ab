"""Names of the rules that end in an executed action (`rule` in `decisions.parquet`)."""

from enum import IntEnum


class Rule(IntEnum):
    """Why a decision became what was executed; stored as an integer, written as its text."""

    NONE = 0
    CHALLENGER_MOVED = 1
    CHALLENGER_HELD = 2
    ARGMAX_MOVED = 3
    ARGMAX_HELD = 4
    LITERAL_OPENED = 5
    LITERAL_HELD = 6
    LITERAL_LEFT_DIRECTION = 7
    LITERAL_LOW_CONFIDENCE = 8
    LONG_ONLY = 9
    NO_ENTRY = 10
    MAX_HOLD = 11
    FORCED_FLAT = 12
    LIQUIDATION = 13
    STOP = 14
    TARGET = 15
    PARTIAL = 16
    MISSED = 17
    CLOSED = 18
    BELOW_LOT = 19
    NO_VOLUME = 20
    MARGIN = 21
    VOTED_NO_DIRECTION = 22
    VOTED_KEPT = 23
    VOTED_LIMIT = 24
    VOTED_MARKET = 25
    VOTED_LEFT = 26
    VOTED_WAIT = 27
    VOTED_BELOW_THRESHOLD = 28
    VOTED_AGAINST_SYNERGY = 29
    NO_SYNERGY = 30


RULE_NAMES: tuple[str, ...] = tuple(rule.name.lower() for rule in Rule)

RULE_TEXTS: dict[Rule, str] = {
    Rule.NONE: "no rule changed the order",
    Rule.CHALLENGER_MOVED: "the most probable other class passed the gate",
    Rule.CHALLENGER_HELD: "no other class passed the gate, the position stays",
    Rule.ARGMAX_MOVED: "the most probable class differs from the position",
    Rule.ARGMAX_HELD: "the most probable class is the position",
    Rule.LITERAL_OPENED: "the most probable direction passed the gate and is entered",
    Rule.LITERAL_HELD: "nothing to enter or leave, the position stays",
    Rule.LITERAL_LEFT_DIRECTION: "the position's direction is no longer the most probable class",
    Rule.LITERAL_LOW_CONFIDENCE: "confidence stayed below the gate for too many decisions",
    Rule.LONG_ONLY: "the instrument may not be sold short",
    Rule.NO_ENTRY: "no position may be opened here",
    Rule.MAX_HOLD: "the position reached its longest holding time",
    Rule.FORCED_FLAT: "positions must be flat here",
    Rule.LIQUIDATION: "the margin was exhausted",
    Rule.STOP: "the position was stopped out inside the bar",
    Rule.TARGET: "the position met its target inside the bar",
    Rule.PARTIAL: "the bar's volume let a part of the entry be filled",
    Rule.MISSED: "the price did not go through the limit of the entry",
    Rule.CLOSED: "the entry was refused: its bar lies outside trading hours",
    Rule.BELOW_LOT: "the entry was refused: it is smaller than one lot",
    Rule.NO_VOLUME: "the entry was refused: nothing was traded in its bar",
    Rule.MARGIN: "the entry was refused: its margin exceeds the equity",
    Rule.VOTED_NO_DIRECTION: "the votes name no direction",
    Rule.VOTED_KEPT: "the position has the direction of the votes already",
    Rule.VOTED_LIMIT: "enough votes agree: a limit order at the close of the decision",
    Rule.VOTED_MARKET: "enough votes agree and the entry agent is in a hurry: a market order",
    Rule.VOTED_LEFT: "the votes turned against the position, an entry the other way was refused",
    Rule.VOTED_WAIT: "the entry agent waits",
    Rule.VOTED_BELOW_THRESHOLD: "the score does not exceed the threshold",
    Rule.VOTED_AGAINST_SYNERGY: "the score would pass, but not against the synergy's direction",
    Rule.NO_SYNERGY: "no synergy was completed, the team does not decide",
}
