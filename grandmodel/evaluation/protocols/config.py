"""Settings of a protocol, and which of them it reads.

Source: ``docs/definitions.md``, Protocols.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

from grandmodel.core.checks import require, require_choice

WALK_FORWARD, CPCV = "walk_forward", "cpcv"
PROTOCOLS = (WALK_FORWARD, CPCV)
WINDOWS = ("expanding", "rolling")
READ_BY = {  # the others are read by both
    "folds": WALK_FORWARD,
    "window": WALK_FORWARD,
    "train_share": WALK_FORWARD,
    "groups": CPCV,
    "test_groups": CPCV,
    "embargo": CPCV,
}
MOST_GROUPS = 20
MOST_FOLDS = 1_000
SHARES = (  # key, less than, whether 0 is among them, of what
    ("train_share", 1.0, "(", "the sessions, before the first test block"),
    ("validation_share", 1.0, "(", "the bars that a fold learns from"),
    ("embargo", 0.5, "[", "the usable bars, left out after each test block"),
)


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig:
    """How the usable bars become folds."""

    protocol: str = WALK_FORWARD  # walk_forward | cpcv
    folds: int = 6  # test blocks of a walk-forward, one after another
    window: str = "expanding"  # expanding | rolling: where a fold's training begins
    train_share: float = 0.4  # of the sessions, before the first test block
    groups: int = 6  # blocks of sessions of a cpcv
    test_groups: int = 2  # how many of them test in each fold
    validation_share: float = 0.25  # of a fold's training bars, at their end
    embargo: float = 0.01  # of the usable bars, left out of training after each test block

    def __post_init__(self) -> None:
        """Refuse values that plan nothing."""
        require_choice("protocol", self.protocol, PROTOCOLS)
        require_choice("window", self.window, WINDOWS)
        require(
            self.folds >= 2,
            f"folds must be at least 2, was {self.folds}: give folds=2 or more, or train one split "
            "with train.py and judge it with evaluate.py run=",
        )
        require(
            3 <= self.groups <= MOST_GROUPS,
            f"groups must lie between 3 and {MOST_GROUPS}, was {self.groups}: give such a number, "
            "6 is usual; every choice of test_groups among them is a training",
        )
        require(
            1 <= self.test_groups < self.groups,
            f"test_groups must be at least 1 and fewer than groups={self.groups}, was "
            f"{self.test_groups}: give such a number, 2 is usual, or more groups",
        )
        folds = comb(self.groups, self.test_groups)
        require(
            folds <= MOST_FOLDS or self.protocol != CPCV,
            f"groups={self.groups} test_groups={self.test_groups} are {folds:,} trainings and at "
            f"most {MOST_FOLDS:,} are planned: give fewer groups or test_groups",
        )
        for key, most, edge, what in SHARES:
            value, usual = getattr(self, key), getattr(ProtocolConfig, key)
            require(
                (value > 0.0 or (edge == "[" and value == 0.0)) and value < most,
                f"{key} must lie in {edge}0, {most:g}), was {value:g}: it is a share of {what}; "
                f"give such a share, {usual:g} is usual",
            )

    def reads(self, key: str) -> bool:
        """Tell whether the protocol reads a key."""
        return READ_BY.get(key, self.protocol) == self.protocol

    def refuse_unread(self, given: Iterable[str]) -> None:
        """Refuse keys that only the other protocol reads: nobody would notice.

        Raises:
            UserError: one of ``given`` is such a key.
        """
        for key in given:
            require(
                self.reads(key),
                f"{key} is read by protocol={READ_BY.get(key)} only and was given with "
                f"protocol={self.protocol}; leave it out",
            )
