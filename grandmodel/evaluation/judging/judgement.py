"""What a judgement holds, and how it becomes tracks and decision rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from grandmodel.core.clock import MINUTE_NS
from grandmodel.core.types import CLASS_NAMES, Segment
from grandmodel.decision.record import CONSENSUS, SOURCE_NAMES, reasons
from grandmodel.decision.rules import RULE_NAMES, RULE_TEXTS, Rule
from grandmodel.evaluation.accounts.track import FLAT_REASONS, Legs, Market, Track, track_from_rows
from grandmodel.evaluation.measures.metrics import session_sharpe

REFUSALS = (Rule.MISSED, Rule.CLOSED, Rule.BELOW_LOT, Rule.NO_VOLUME, Rule.MARGIN)


@dataclass(frozen=True)
class Detail:
    """Every decision of every copy, axes [copy, segment, step, ...]."""

    names: tuple[str, ...]  # the agents
    class_names: tuple[tuple[str, ...], ...]  # of each agent's three classes
    probabilities: NDArray[np.float32]  # [..., agent, 3]
    ensemble: NDArray[np.float32]  # [..., 3], nan where the team votes
    score: NDArray[np.float32]  # confidence of the ensemble, or what the votes add up to
    target: NDArray[np.int8]  # wanted, before the hard limits
    proceed: NDArray[np.bool_]  # whether the execution rule's comparison held
    rule: NDArray[np.int8]  # grandmodel.decision.rules.Rule that fired


@dataclass(frozen=True)
class Judgement:
    """Accounts of all copies and segments, axes [copy, segment, step].

    Step k of a segment is the decision on row ``start + k``; steps from ``stop - start - 1`` on
    do not belong to it.
    """

    segments: tuple[Segment, ...]
    rules: tuple[str, ...]  # label of each copy's execution rule
    gates: tuple[float, ...]  # gate of each copy
    capital: float
    compounding: bool
    max_hold_bars: int
    equity: NDArray[np.float64]  # at the close of the bar after the decision
    cost: NDArray[np.float64]
    position: NDArray[np.int8]  # held over that bar
    quantity: NDArray[np.float64]  # its signed units
    ended: NDArray[np.int8]  # what ended the position inside that bar, envs.orders.Ended
    detail: Detail | None
    legs: Legs | None = None  # [copy, segment, step] each; None: all fills are at the open

    def lengths(self) -> list[int]:
        """Decisions of each segment."""
        return [segment.stop - segment.start - 1 for segment in self.segments]

    def bars(self) -> list[NDArray[np.int64]]:
        """Tape rows of each segment's decisions."""
        return [np.arange(segment.start, segment.stop - 1) for segment in self.segments]

    def track(self, copy: int, market: Market) -> Track:
        """Return the account of one copy (an index into ``rules``)."""
        lengths = self.lengths()
        equity = [self.equity[copy, s, :n].copy() for s, n in enumerate(lengths)]
        cost = [self.cost[copy, s, :n].copy() for s, n in enumerate(lengths)]
        position = [self.position[copy, s, :n].copy() for s, n in enumerate(lengths)]
        quantity = [self.quantity[copy, s, :n].copy() for s, n in enumerate(lengths)]
        ended = [self.ended[copy, s, :n].copy() for s, n in enumerate(lengths)]
        gross = [
            np.diff(own, prepend=self.capital) + paid
            for own, paid in zip(equity, cost, strict=True)
        ]

        def joined(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.concatenate([values[copy, s, :n] for s, n in enumerate(lengths)])

        reason = [self._reasons(copy, s, own) for s, own in enumerate(position)]
        return track_from_rows(
            market,
            self.segments,
            self.bars(),
            equity,
            gross,
            cost,
            position,
            quantity,
            capital=self.capital,
            compounding=self.compounding,
            reason=reason,
            ended=ended,
            legs=None if self.legs is None else Legs(*(joined(column) for column in self.legs)),
        )

    def sharpes(self, market: Market, sessions_per_year: float) -> NDArray[np.float64]:
        """Annualised net Sharpe of each copy, mean over paths, [copy]."""
        by_path: dict[int, list[NDArray[np.float64]]] = {}
        for index, segment in enumerate(self.segments):
            session = market.session[segment.start + 1 : segment.stop]
            ends = np.flatnonzero(np.diff(session, append=session[-1] + 1))
            levels = self.equity[:, index, ends]
            before = np.concatenate(
                [np.full((len(levels), 1), self.capital), levels[:, :-1]], axis=1
            )
            unit = before if self.compounding else self.capital
            by_path.setdefault(segment.path, []).append((levels - before) / unit)
        found = [
            session_sharpe(np.concatenate(parts, axis=1), sessions_per_year)
            for parts in by_path.values()
        ]
        return np.mean(found, axis=0)

    def round_trips(self) -> NDArray[np.int64]:
        """Round trips of each copy over all segments, [copy]."""
        count = np.zeros(len(self.rules), np.int64)
        for index, steps in enumerate(self.lengths()):
            held = self.position[:, index, :steps]
            before = np.where(self.ended[:, index, :steps] != 0, 0, held)
            before = np.concatenate([np.zeros((len(held), 1), held.dtype), before[:, :-1]], axis=1)
            count += ((held != before) & (held != 0)).sum(axis=1)
        return count

    def missed(self, copy: int) -> NDArray[np.int8]:
        """Return the side of each limit entry of one copy that was not met, else 0, [row].

        Raises:
            ValueError: the judgement was made without detail.
        """
        if self.detail is None:
            raise ValueError("missed entries need a judgement with detail=True")
        rule, target = self.detail.rule[copy], self.detail.target[copy]
        sides = np.where(rule == Rule.MISSED, target, 0).astype(np.int8)
        return np.concatenate([sides[s, :n] for s, n in enumerate(self.lengths())])

    def held_before(self, copy: int) -> NDArray[np.int8]:
        """Return the position before each decision of one copy, segments joined, [row]."""
        lengths = self.lengths()
        return np.concatenate([self._held_before(copy, s, n) for s, n in enumerate(lengths)])

    def _held_before(self, copy: int, index: int, steps: int) -> NDArray[np.int8]:
        at = (copy, index, slice(0, steps))
        after = np.where(self.ended[at] != 0, 0, self.position[at])
        return np.concatenate([[0], after[:-1]]).astype(np.int8)

    def decisions(self, copy: int, market: Market) -> pd.DataFrame:
        """Return the rows of ``decisions.parquet`` for one copy.

        ``position`` is held before the decision, ``action`` after it; ``rule`` names what
        settled the action: a hard limit where one changed the order, else the execution rule;
        ``rule_text`` says it in a sentence. The reasons follow (:func:`reason_columns`).

        Raises:
            ValueError: the judgement was made without detail.
        """
        if self.detail is None:
            raise ValueError("decisions need a judgement with detail=True")
        parts = [
            self._segment_decisions(copy, index, market) for index in range(len(self.segments))
        ]
        return pd.concat(parts, ignore_index=True)

    def _segment_decisions(self, copy: int, index: int, market: Market) -> pd.DataFrame:
        detail = self.detail
        assert detail is not None  # noqa: S101 - the caller has checked
        segment, steps = self.segments[index], self.lengths()[index]
        bars = np.arange(segment.start, segment.stop - 1)
        at = (copy, index, slice(0, steps))
        closes = market.open_time_ns[bars] + market.minutes * MINUTE_NS
        ensemble = detail.ensemble[at].astype(np.float64)
        probabilities = detail.probabilities[at]
        agents = {
            f"p_{name}_{label}": probabilities[:, agent, number]
            for agent, name in enumerate(detail.names)
            for number, label in enumerate(detail.class_names[agent])
        }
        return pd.DataFrame(
            {
                "timestamp": pd.to_datetime(closes, utc=True),
                "path": segment.path,
                "segment": segment.segment,
                **agents,
                **{f"p_{label}": ensemble[:, k] for k, label in enumerate(CLASS_NAMES)},
                "confidence": detail.score[at].astype(np.float64),
                "uncertainty": normalised_entropy(ensemble),
                "should_proceed": detail.proceed[at],
                "action": self.position[at],
                "position": self._held_before(copy, index, steps),
                "rule": pd.Categorical.from_codes(detail.rule[at], RULE_NAMES),
                "rule_text": pd.Categorical.from_codes(detail.rule[at], [*RULE_TEXTS.values()]),
                **reason_columns(detail, probabilities, detail.ensemble[at]),
            }
        )

    def _reasons(self, copy: int, index: int, position: NDArray[np.int8]) -> NDArray[np.int8]:
        """Why a position that each decision ends has ended, index into FLAT_REASONS, [step].

        Without detail only the longest holding time is told from the positions.
        """
        if self.detail is None:
            aged = bars_held_before(position) >= self.max_hold_bars
        else:
            rule = self.detail.rule[copy, index, : len(position)]
            aged = rule == Rule.MAX_HOLD
        reason = np.where(aged, FLAT_REASONS.index("max_hold"), 0).astype(np.int8)
        if self.detail is not None:
            reason[rule == Rule.FORCED_FLAT] = FLAT_REASONS.index("session_end")
            for refusal in REFUSALS:
                reason[rule == refusal] = FLAT_REASONS.index(refusal.name.lower())
        reason[-1:] = FLAT_REASONS.index("segment_end")
        return reason


def reason_columns(
    detail: Detail, probabilities: NDArray[np.float32], ensemble: NDArray[np.float32]
) -> dict[str, Any]:
    """Columns of the decision record: who said what, who agreed, where the doubt comes from.

    Of a team that votes only who said what: its rules say the rest.

    Args:
        detail: names of agents and classes.
        probabilities: of each agent, [row, agent, 3].
        ensemble: the pooled vectors, [row, 3].
    """
    why = reasons(torch.from_numpy(probabilities), torch.from_numpy(ensemble))
    prediction, agrees = why.prediction.numpy(), why.agrees.numpy()
    names = detail.names
    dominant = ("consensus", *names)
    said = {
        f"prediction_{name}": pd.Categorical.from_codes(prediction[:, agent], labels)
        for agent, (name, labels) in enumerate(zip(names, detail.class_names, strict=True))
    }
    if np.isnan(ensemble).all():
        return said
    return {
        **said,
        **{f"agrees_{name}": agrees[:, agent] for agent, name in enumerate(names)},
        "agreement": agrees.mean(axis=1),
        "dominant_signal": pd.Categorical.from_codes(why.dominant.numpy() - CONSENSUS, dominant),
        "uncertainty_source": pd.Categorical.from_codes(why.source.numpy(), SOURCE_NAMES),
    }


def bars_held_before(position: NDArray[np.int8]) -> NDArray[np.int64]:
    """Bars over which the position before each decision was held, 0 while flat, [step]."""
    steps = np.arange(len(position))
    changed = np.diff(position, prepend=0) != 0
    since = np.maximum.accumulate(np.where(changed, steps, 0))
    held = np.where(position != 0, steps - since + 1, 0)
    return np.concatenate([[0], held[:-1]])


def normalised_entropy(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy / ln(classes) of each row: 0 certain, 1 uniform."""
    safe = np.where(probabilities > 0, probabilities, 1.0)
    return -(probabilities * np.log(safe)).sum(axis=-1) / np.log(probabilities.shape[-1])
