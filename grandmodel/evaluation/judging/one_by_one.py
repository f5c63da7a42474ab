"""Few accounts judged one after another: compiled, and decided by the team itself.

What agents see depends on their account, so decisions come one after another. A compiled loop
guesses them and drives the account; the team is then asked about all steps of a part at once.
Up to the first order that it sends otherwise everything stands, and from there the account is
driven anew. So orders and what is told of them are the team's own, to the last bit. Source:
`docs/definitions.md`, Judging.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from grandmodel.core.types import Observation
from grandmodel.envs.orders import Orders, sound_sizes
from grandmodel.evaluation.judging import drive
from grandmodel.evaluation.judging.columns import ACCOUNT_COLUMNS, LEG_COLUMNS, Said
from grandmodel.evaluation.judging.deciders import Decided, decider
from grandmodel.evaluation.judging.delay import DelayInTime
from grandmodel.evaluation.judging.execution import JudgeRule, group_rules
from grandmodel.evaluation.judging.ground import Standpoint, settling_of
from grandmodel.evaluation.judging.guess import Heads
from grandmodel.systems.head import HeadStack
from grandmodel.systems.modifiers import Adjustment
from grandmodel.systems.team import Team

MOST_ACCOUNTS = 128  # beyond, a step of all of them costs less than as many compiled ones
MOST_STEPS, LEAST_STEPS = 4_096, 16  # that the team is asked about at once
SEEN_COLUMNS = {
    "position": drive.SEEN_EXECUTED,
    "ended": drive.SEEN_ENDED,
    "outcome": drive.SEEN_OUTCOME,
}
TOLD_COLUMNS = {
    "equity": drive.TOLD_EQUITY,
    "cost": drive.TOLD_COST,
    "quantity": drive.TOLD_QUANTITY,
    "exit_price": drive.TOLD_EXIT,
    "entry_price": drive.TOLD_ENTRY,
    "exit_cost": drive.TOLD_EXIT_COST,
}


class SingleAccount:
    """One account of a judgement, driven stretch by stretch.

    Args:
        standpoint: the market and the settings.
        ground: what accounts of the team stand on.
        team: who decides.
        heads: its heads as they are now.
        rule: how it is executed.
        index: of the segment.
    """

    def __init__(
        self,
        standpoint: Standpoint,
        ground: drive.Ground,
        team: Team,
        heads: HeadStack,
        rule: JudgeRule,
        index: int,
    ) -> None:
        tape, config, segment = standpoint.tape, standpoint.config, standpoint.segments[index]
        self.team, self.heads = team, heads
        self.terms = standpoint.terms(team, rule)
        groups = group_rules((rule,), 1, torch.device("cpu"))
        self._sending = DelayInTime(rule.delay)
        self._decide = decider(tape, config, team, groups, self._sending)
        self._still = _arrays(heads), settling_of(tape, config, team, rule), ground, self.terms
        self._state = _fresh(segment.start, segment.stop - 1, config.capital, config.episode_bars)
        self._pending = np.zeros((rule.delay, drive.ORDER))
        self._at_once = MOST_STEPS

    def stretch(
        self, embeddings: Tensor, adjustment: Adjustment | None
    ) -> tuple[np.ndarray, np.ndarray, Said]:
        """Drive over the next steps.

        Args:
            embeddings: float32 [step, agent, hidden].
            adjustment: of the logits, rows likewise.

        Returns:
            What became of the account: float64 [step, TOLD] and int64 [step, SEEN]; and what the
            team said, [step, ...] each.
        """
        steps, done = len(embeddings), 0
        pieces: list[tuple[np.ndarray, np.ndarray, Said]] = []
        while done < steps:
            rows = slice(done, min(done + self._at_once, steps))
            own = None if adjustment is None else adjustment.rows(rows)
            pieces.append(self._piece(embeddings[rows].contiguous(), own))
            done += len(pieces[-1][0])
        told, seen, said = zip(*pieces, strict=True)
        whole = Said(*(torch.cat(column) for column in zip(*said, strict=True)))
        return np.concatenate(told), np.concatenate(seen), whole

    def _piece(
        self, embeddings: Tensor, adjustment: Adjustment | None
    ) -> tuple[np.ndarray, np.ndarray, Said]:
        """Drive up to the first order that was guessed wrongly, or over all steps."""
        before = [values.copy() for values in self._state]
        part = self._part(embeddings, adjustment)
        drive.drive(True, part, self._state, *self._still)
        said, orders, counts = self._ask(embeddings, adjustment, part)
        done, right = _agreed(part, orders, counts)
        if not right:
            part.orders[:done], part.counts[1 : done + 1] = orders[:done], counts[:done]
            part = _first(part, done)
            for own, saved in zip(self._state, before, strict=True):
                own[:] = saved
            drive.drive(False, part, self._state, *self._still)
        sound_sizes(torch.from_numpy(orders[:done, drive.ORDER_SIZE]))
        self._at_once = min(2 * self._at_once, MOST_STEPS) if right else max(done, LEAST_STEPS)
        self._pending = part.decided[done:].copy()
        self._sending.keep(done)
        return part.told, part.seen, Said(*(values[:done] for values in said if values is not None))

    def _part(self, embeddings: Tensor, adjustment: Adjustment | None) -> drive.Part:
        steps = len(embeddings)
        return drive.Part(
            embeddings.numpy(),
            _adjustments(adjustment),
            np.concatenate((self._pending, np.empty((steps, drive.ORDER)))),
            np.empty((steps, drive.ORDER)),
            np.empty((steps, len(self.terms.shown)), np.float32),
            np.empty(steps + 1, np.int64),
            np.empty((steps, drive.TOLD)),
            np.empty((steps, drive.SEEN), np.int64),
        )

    def _ask(
        self, embeddings: Tensor, adjustment: Adjustment | None, part: drive.Part
    ) -> tuple[Said, np.ndarray, np.ndarray]:
        """Return what the team says, its orders [step, ORDER] and its counts [step]."""
        columns = torch.from_numpy(np.ascontiguousarray(part.seen.T))
        bar, position, held = columns[drive.SEEN_BAR : drive.SEEN_HELD + 1]
        shown = torch.from_numpy(part.shown)
        logits = self.team.logits_all(embeddings, shown, adjustment, heads=self.heads)
        self._decide.low_confidence = torch.from_numpy(part.counts[:-1])
        decided = self._decide(logits, Observation(bar, shown, position, held))
        edges = columns[drive.SEEN_FORCED].bool(), columns[drive.SEEN_NO_ENTRY].bool()
        said = Said(logits, *decided[1:], position, held, *edges)
        return said, _orders(decided), self._decide.low_confidence.numpy()


class SingleAccounts:
    """All accounts of one judgement in progress.

    Args:
        standpoint: the market and the settings.
        team: who decides.
        heads: its heads as they are now.
        rules: how it is executed.
    """

    def __init__(
        self, standpoint: Standpoint, team: Team, heads: HeadStack, rules: Sequence[JudgeRule]
    ) -> None:
        self._count = len(standpoint.segments)
        self._unit, self._legs = standpoint.unit, not standpoint.execution(team).plain
        ground = standpoint.ground(team)
        self._accounts = [
            SingleAccount(standpoint, ground, team, heads, rule, index)
            for rule in rules
            for index in range(self._count)
        ]

    def stretch(
        self, embeddings: Tensor, adjustment: Adjustment | None
    ) -> tuple[dict[str, Tensor], Said]:
        """Drive all accounts over the next steps; as :meth:`Lockstep.stretch`."""
        each = []
        for number, account in enumerate(self._accounts):
            rows = slice(number % self._count, None, self._count)
            own = None if adjustment is None else adjustment.rows(rows)
            each.append(account.stretch(embeddings[rows], own))
        told, seen, said = zip(*each, strict=True)
        columns = self._columns(np.stack(told, axis=1), np.stack(seen, axis=1))
        return columns, Said(*(torch.stack(column, dim=1) for column in zip(*said, strict=True)))

    def _columns(self, told: np.ndarray, seen: np.ndarray) -> dict[str, Tensor]:
        """Return what is kept of the accounts by name, [step, account] each."""
        columns = {}
        for name in (*ACCOUNT_COLUMNS, *LEG_COLUMNS) if self._legs else ACCOUNT_COLUMNS:
            if name in SEEN_COLUMNS:
                values = seen[..., SEEN_COLUMNS[name]]
            else:
                values = told[..., TOLD_COLUMNS[name]]
            columns[name] = torch.from_numpy(
                values / self._unit if name.endswith("price") else values
            )
        return columns


def _fresh(first: int, last: int, capital: float, window: int) -> drive.State:
    """Return a flat account at row ``first`` that ends at row ``last``."""
    money, marks = np.zeros(drive.MONEY), np.zeros(drive.MARKS, np.int64)
    money[[drive.CASH, drive.BASE, drive.EQUITY, drive.PEAK]] = capital
    money[drive.STOP], money[drive.TAKE] = -np.inf, np.inf
    marks[drive.BAR], marks[drive.LAST] = first, last
    ring = np.full(window + 1, -np.inf)
    ring[0] = capital
    return drive.State(money, marks, ring)


def _first(part: drive.Part, steps: int) -> drive.Part:
    """Return the first steps of a part."""
    delay = len(part.decided) - len(part.orders)
    return drive.Part(
        part.embeddings[:steps],
        part.adjust[:steps],
        part.decided[: delay + steps],
        part.orders[:steps],
        part.shown[:steps],
        part.counts[: steps + 1],
        part.told[:steps],
        part.seen[:steps],
    )


def _orders(decided: Decided) -> np.ndarray:
    """Return decisions as the compiled loop takes them, float64 [step, ORDER]."""
    orders = decided.orders if isinstance(decided.orders, Orders) else Orders(decided.orders)
    out = np.zeros((len(decided.target), drive.ORDER))
    out[:, drive.ORDER_TARGET] = orders.target
    out[:, drive.ORDER_SIZE] = 1.0 if orders.size is None else orders.size
    if orders.limit is not None:
        out[:, drive.ORDER_MARKET] = orders.limit.isnan()
    return out


def _agreed(part: drive.Part, orders: np.ndarray, counts: np.ndarray) -> tuple[int, bool]:
    """Return for how many steps the team's orders stand, and whether all were guessed rightly.

    They stand up to the first that was guessed wrongly, that one included. Size and kind of an
    order are read where it enters alone.
    """
    target = orders[:, drive.ORDER_TARGET]
    enters = (target != 0.0) & (target != part.seen[:, drive.SEEN_POSITION])
    other = part.orders != orders
    wrong = other[:, drive.ORDER_TARGET] | (counts != part.counts[1:])
    wrong |= enters & (other[:, drive.ORDER_MARKET] | other[:, drive.ORDER_SIZE])
    return (int(np.argmax(wrong)) + 1, False) if wrong.any() else (len(wrong), True)


def _adjustments(adjustment: Adjustment | None) -> np.ndarray:
    """Return factor and offsets side by side, float32 [step, agent, 4]; empty without any."""
    if adjustment is None:
        return np.empty((0, 0, 4), np.float32)
    return torch.cat((adjustment.factor, adjustment.offset), dim=-1).numpy()


def _arrays(heads: HeadStack) -> Heads:
    """Return the heads as arrays."""
    agents, hidden = heads.n_agents, heads.hidden
    out = heads.out[:, : 3 * agents].view(agents, hidden, agents, 3)
    own = torch.stack([out[agent, :, agent].T for agent in range(agents)])
    none = torch.empty(0, hidden)
    return Heads(
        heads.account.view(-1, agents, hidden).contiguous().numpy(),
        own.contiguous().numpy(),
        heads.bias[: 3 * agents].view(agents, 3).contiguous().numpy(),
        (none if heads.scale is None else heads.scale).contiguous().numpy(),
        (none if heads.shift is None else heads.shift).contiguous().numpy(),
        float(heads.eps),
    )
