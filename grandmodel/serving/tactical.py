"""The tactical team behind one call: a synergy event in, an execution command or a hold out.

Source: `docs/definitions.md`, The tactical service.
"""

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.core.types import ObservationSpec, Stretch
from grandmodel.decision.aggregation import (
    Aggregation,
    Roles,
    Tally,
    VoteContext,
    quantity,
)
from grandmodel.decision.rules import RULE_NAMES, RULE_TEXTS, Rule
from grandmodel.envs.observation import pooled_rows
from grandmodel.envs.voting import BASE_CONTRACTS
from grandmodel.features.synergy import TYPE_NAMES
from grandmodel.features.tactical import MATRIX_5
from grandmodel.serving.synergy_event import RefusedInputError, Snapshot, SynergyEvent
from grandmodel.systems.team import Team

Command = dict[str, Any]

log = logging.getLogger(__name__)


class TacticalController:
    """Answers synergy events with commands for an execution handler.

    It never raises and never sends an order on inputs that it cannot vouch for: the answer is
    then ``{"action": "hold", "reason": ...}``.

    Args:
        team: a trained voting team; switched to evaluation.
        snapshot: returns the market and the account as they are at the latest close.
        symbol: of the instrument, written into commands.
        tick: its price step, to which stops, targets and limits are rounded; 0: none.
        threshold: an entry's score must exceed it.
        stop_atr: distance of the stop from the close, in ATR(14), as in the team's training.
        target_atr: that of the target.
        base_contracts: contracts at a confidence of 0.8.
        risk_multiplier: what the risk agent allows, in units of the base.

    Raises:
        UserError: the team reads other columns than those of the five-minute matrix.
    """

    def __init__(
        self,
        team: Team,
        snapshot: Callable[[], Snapshot],
        *,
        symbol: str,
        tick: float,
        threshold: float,
        stop_atr: float = 2.0,
        target_atr: float = 3.0,
        base_contracts: float = BASE_CONTRACTS,
        risk_multiplier: float = 1.0,
    ) -> None:
        self.team = team.eval()
        self._columns = [_matrix_columns(spec) for spec in team.specs]
        self.snapshot = snapshot
        self.symbol, self.tick = symbol, tick
        self.aggregation = Aggregation(threshold)
        self.roles = Roles(team.roles)
        self.stop_atr, self.target_atr = stop_atr, target_atr
        self.base_contracts, self.risk_multiplier = base_contracts, risk_multiplier

    def on_synergy_detected(self, event: SynergyEvent | Mapping[str, Any]) -> Command:
        """Return the command that the team's votes on an event come to.

        Args:
            event: ``synergy_type``, ``direction``, ``confidence``, ``signal_sequence`` and
                ``market_context``, as a mapping or typed.

        Returns:
            ``action`` is ``execute_trade``, ``close_position`` or ``hold``; a hold has a
            ``reason``, an order has side, quantity, type, prices and the votes behind it.
        """
        try:
            told = SynergyEvent.of(event)
            return self._decide(told, self.snapshot())
        except RefusedInputError as refusal:
            return _hold(str(refusal))
        except Exception:  # fail closed: whatever broke, the caller must not trade on it
            log.exception("the tactical decision failed")
            return _hold("the decision failed inside the service: see its log")

    def _decide(self, event: SynergyEvent, seen: Snapshot) -> Command:
        probabilities = self.probabilities(seen)
        votes = probabilities.argmax(dim=-1)
        momentum = float(seen.matrix[-1, MATRIX_5.index("price_momentum_5")])
        kind = TYPE_NAMES.index(event.synergy_type) + 1
        numbers = (int(np.sign(momentum)), kind, event.direction, seen.position)
        context = VoteContext(*(torch.tensor([number]) for number in numbers))
        tally = self.aggregation(*self.roles(votes, probabilities), context)
        return self._command(tally, seen, event, votes[0], probabilities[0])

    @torch.inference_mode()
    def probabilities(self, seen: Snapshot) -> Tensor:
        """Return each agent's distribution over its classes, float32 [1, agent, 3].

        Raises:
            RefusedInputError: the snapshot lacks a context column or has another account block.
        """
        matrix = torch.from_numpy(np.asarray(seen.matrix, np.float32))
        account = torch.from_numpy(np.asarray(seen.account, np.float32))[None]
        wide = self.team.policies[0].head.account.in_features
        if account.shape != (1, wide):
            raise RefusedInputError(
                f"the account block must have {wide} values, has {seen.account.shape}"
            )
        contexts = [self._context(seen, spec.context) for spec in self.team.specs]
        windows = [
            _window(matrix[-spec.window_bars :, columns], policy.reads)
            for policy, spec, columns in zip(
                self.team.policies, self.team.specs, self._columns, strict=True
            )
        ]
        embeddings = self.team.embed_all(windows, contexts)
        return torch.softmax(self.team.logits_all(embeddings, account, None), dim=-1)

    def _context(self, seen: Snapshot, names: tuple[str, ...]) -> Tensor:
        missing = [name for name in names if name not in seen.context]
        if missing:
            raise RefusedInputError(f"the context lacks {missing[0]}")
        values = np.array([[seen.context[name] for name in names]], np.float32)
        if not np.isfinite(values).all():
            raise RefusedInputError("the context holds NaN or infinity: wait for the next bar")
        return torch.from_numpy(values)

    def _command(
        self, tally: Tally, seen: Snapshot, event: SynergyEvent, votes: Tensor, odds: Tensor
    ) -> Command:
        rule, target = Rule(int(tally.rule)), int(tally.target)
        why = {
            "source": "tactical_marl",
            "confidence": float(tally.score),
            "rule": RULE_NAMES[rule],
            "synergy_aligned": int(tally.direction) == event.direction,
            "agent_votes": self._votes(votes, odds),
        }
        if rule is Rule.VOTED_LEFT:
            side = "SELL" if seen.position > 0 else "BUY"
            order = {"order_type": "MARKET", "side": side, "symbol": self.symbol}
            return {"action": "close_position", **order, "metadata": why}
        if rule not in (Rule.VOTED_LIMIT, Rule.VOTED_MARKET):
            return {**_hold(RULE_TEXTS[rule]), "metadata": why}
        units = int(quantity(tally.score, self.base_contracts, self.risk_multiplier))
        if units == 0:
            return {**_hold("the confidence is too small for a single contract"), "metadata": why}
        return {
            "action": "execute_trade",
            **self._order(rule, target, seen),
            "quantity": units,
            "metadata": why,
        }

    def _order(self, rule: Rule, target: int, seen: Snapshot) -> Command:
        order: Command = {"order_type": "MARKET", "time_in_force": "IOC"}
        if rule is Rule.VOTED_LIMIT:
            limit = self._rounded(seen.close)
            order = {"order_type": "LIMIT", "limit_price": limit, "time_in_force": "BAR"}
        reach = target * seen.atr_14
        return order | {
            "side": "BUY" if target > 0 else "SELL",
            "symbol": self.symbol,
            "stop_loss": self._rounded(seen.close - self.stop_atr * reach),
            "take_profit": self._rounded(seen.close + self.target_atr * reach),
            "reverses": seen.position == -target,
        }

    def _rounded(self, price: float) -> float:
        if not self.tick:
            return float(price)
        return float(round(price / self.tick) * Decimal(repr(self.tick)))  # exact on the grid

    def _votes(self, votes: Tensor, odds: Tensor) -> list[Command]:
        rows = zip(self.team.names, votes.tolist(), odds.tolist(), strict=True)
        return [
            {"agent_id": name, "action": vote - 1, "probabilities": p, "confidence": p[vote]}
            for name, vote, p in rows
        ]


def _matrix_columns(spec: ObservationSpec) -> list[int]:
    for name in spec.window:
        require(
            name in MATRIX_5,
            f"agent.members.{spec.agent}.inputs has {name}, which the five-minute matrix lacks: "
            f"serve a team that reads {', '.join(MATRIX_5)}",
        )
    return [MATRIX_5.index(name) for name in spec.window]


def _window(rows: Tensor, reads: str) -> Tensor | Stretch:
    """Return one window [time, column] as a trunk reads it."""
    if reads == "stretch":
        return Stretch(rows, torch.tensor([len(rows) - 1]))
    return rows[None] if reads == "sequence" else pooled_rows(rows, len(rows))[-1:]


def _hold(reason: str) -> Command:
    return {"action": "hold", "reason": reason}
