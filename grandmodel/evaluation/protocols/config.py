"""Settings of a protocol, and which of them it reads.

Source: ``docs/definitions.md``, Protocols.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grandmodel.core.checks import require, require_between, require_choice

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
        require(self.folds >= 2, f"folds must be at least 2, was {self.folds}")
        require(
            3 <= self.groups <= MOST_GROUPS,
            f"groups must lie between 3 and {MOST_GROUPS}, was {self.groups}",
        )
        require(
            1 <= self.test_groups < self.groups,
            f"test_groups must be at least 1 and fewer than groups={self.groups}, was "
            f"{self.test_groups}",
        )
        require_between("train_share", self.train_share, 0.0, 1.0)
        require_between("validation_share", self.validation_share, 0.0, 1.0)
        require_between("embargo", self.embargo, 0.0, 0.5, closed="low")

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
