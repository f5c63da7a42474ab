"""The tactical team behind one call: a synergy event in, an execution command or a hold out.

Source: `docs/definitions.md`, The tactical service.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from grandmodel.core.checks import require, require_between
from grandmodel.decision.rules import RULE_NAMES, RULE_TEXTS, Rule
from grandmodel.decision.single_vote import Counted, SingleVote, VoteFacts, contracts
from grandmodel.envs.voting import BASE_CONTRACTS, MOMENTUM
from grandmodel.features.latched import AGE_BARS
from grandmodel.features.tactical import MATRIX_5, TACTICAL_BARS
from grandmodel.serving.actors import Actors, Odds
from grandmodel.serving.command import (
    AgentVote,
    ClosePosition,
    Command,
    ExecuteTrade,
    Metadata,
    hold,
    on_grid,
)
from grandmodel.serving.synergy_event import (
    InSight,
    RefusedInputError,
    Snapshot,
    SynergyEvent,
    values_of,
)
from grandmodel.systems.team import Team

log = logging.getLogger(__name__)


class TacticalController:
    """Answers synergy events with commands for an execution handler.

    It never raises and never sends an order on inputs that it cannot vouch for: the answer is
    then ``{"action": "hold", "reason": ...}``.

    Args:
        team: a trained voting team; switched to evaluation, and taken as it is now.
        snapshot: returns the market and the account as they are at the latest close.
        symbol: of the instrument, written into commands.
        tick: its price step, to which stops, targets and limits are rounded; 0: none.
        long_only: whether it may not be sold short.
        threshold: an entry's score must exceed it.
        stop_atr: distance of the stop from the close, in ATR(14), as in the team's training;
            None: no stop.
        target_atr: that of the target; None: no target.
        base_contracts: contracts at a confidence of 0.8.
        risk_multiplier: what the risk agent allows, in units of the base.
        synergies_seen: whether its training showed the team synergies; else it is shown none here
            and votes weigh as without one.

    Raises:
        UserError: the team does not vote, or reads other columns or more bars than the
            five-minute matrix has.
    """

    def __init__(
        self,
        team: Team,
        snapshot: Callable[[], Snapshot],
        *,
        symbol: str,
        tick: float,
        long_only: bool = False,
        threshold: float,
        stop_atr: float | None = 2.0,
        target_atr: float | None = 3.0,
        base_contracts: float = BASE_CONTRACTS,
        risk_multiplier: float = 1.0,
        synergies_seen: bool = True,
    ) -> None:
        _check_team(team)
        require_between("risk_multiplier", risk_multiplier, 0.0, 1.0, closed="both")
        self.team = team.eval()
        self.actors = Actors(team, MATRIX_5)
        self.snapshot = snapshot
        self.symbol, self.tick, self.long_only = symbol, tick, long_only
        require_between("agent.threshold", threshold, 0.0, 1.0, closed="both")
        self._count = SingleVote(team.roles, threshold)
        self.stop_atr, self.target_atr = stop_atr, target_atr
        self.base_contracts, self.risk_multiplier = base_contracts, risk_multiplier
        self.synergies_seen = synergies_seen

    def on_synergy_detected(self, event: SynergyEvent | Mapping[str, Any]) -> Command:
        """Return the command that the team's votes on an event come to.

        Args:
            event: ``synergy_type``, ``direction``, ``confidence``, ``signal_sequence`` and
                ``market_context``, and ``timestamp`` if it is known: as a mapping or typed.

        Returns:
            ``action`` is ``execute_trade``, ``close_position`` or ``hold``; a hold has a
            ``reason``, an order has side, quantity, type, prices and the votes behind it.
        """
        return self._guarded(lambda: self._on_event(event))

    def on_bar_close(self) -> Command:
        """Return the command that the team's votes at the latest close come to.

        Called at every close it decides as often as a run with `agent.decide_on=every_bar` was
        judged; the synergy in sight is that of the snapshot's context, if one is.
        """
        return self._guarded(self._on_close)

    def _guarded(self, decide: Callable[[], Command]) -> Command:
        try:
            return decide()
        except RefusedInputError as refusal:
            return hold(str(refusal))
        except Exception:  # fail closed: whatever broke, the caller must not trade on it
            log.exception("the tactical decision failed")
            return hold("the decision failed inside the service: see its log")

    def _on_event(self, event: SynergyEvent | Mapping[str, Any]) -> Command:
        told, seen = SynergyEvent.of(event), self.snapshot()
        seen.check()
        seen.check_age(told)
        return self._decide(seen, self.in_sight(told, seen))

    def _on_close(self) -> Command:
        seen = self.snapshot()
        seen.check()
        synergy = self.in_sight(None, seen)
        fresh = synergy.kind > 0 and synergy.columns["synergy_age"] * AGE_BARS < 1.0
        if self.team.decide_on == "synergy" and not fresh:
            return hold(RULE_TEXTS[Rule.NO_SYNERGY])
        return self._decide(seen, synergy)

    def in_sight(self, event: SynergyEvent | None, seen: Snapshot) -> InSight:
        """Return the synergy that the team is shown: the event's, without one the context's.

        Raises:
            RefusedInputError: the context does not tell one.
        """
        if not self.synergies_seen:
            return InSight.none()
        if event is None:
            return InSight.of_context(seen.context)
        return event.in_sight(seen.closed_at)

    def _decide(self, seen: Snapshot, synergy: InSight) -> Command:
        odds = self.probabilities(synergy, seen)
        votes = most_probable(odds)
        return self.command(synergy, seen, self.tally(synergy, seen, votes, odds), votes, odds)

    def probabilities(self, synergy: InSight, seen: Snapshot) -> Odds:
        """Return each agent's distribution over its classes.

        Args:
            synergy: in sight, whatever the snapshot's context says of one.
            seen: market and account.

        Raises:
            RefusedInputError: the snapshot lacks a context or account value, or it is no number.
        """
        account = values_of("account", seen.account, self.actors.account)
        context = values_of("context", seen.context, self.actors.context)
        pairs = zip(self.actors.context, context, strict=True)
        context = [synergy.columns.get(name, value) for name, value in pairs]
        return self.actors(
            np.ascontiguousarray(seen.matrix, np.float32),
            np.array(context, np.float32),
            np.array([account], np.float32),
        )

    def tally(self, synergy: InSight, seen: Snapshot, votes: list[int], odds: Odds) -> Counted:
        """Count the class that each agent votes for, with the distributions behind it."""
        momentum = float(seen.matrix[-1, MATRIX_5.index(MOMENTUM)])
        sign = (momentum > 0.0) - (momentum < 0.0)
        facts = VoteFacts(sign, synergy.kind, synergy.direction, seen.position)
        return self._count(votes, odds, facts)

    def command(
        self, synergy: InSight, seen: Snapshot, tally: Counted, votes: list[int], odds: Odds
    ) -> Command:
        """Return what counted votes ask the execution handler for."""
        rule, target = tally.rule, tally.target
        if target < 0 and self.long_only:
            rule, target = Rule.LONG_ONLY, 0
        why: Metadata = {
            "source": "tactical_marl",
            "confidence": tally.score,
            "rule": RULE_NAMES[rule],
            "synergy_aligned": bool(synergy.kind > 0 and tally.direction == synergy.direction),
            "agent_breakdown": self._votes(votes, odds),
        }
        if target == 0 and seen.position != 0:
            return self._close(seen, why)
        if target in (0, seen.position):
            return hold(RULE_TEXTS[rule], why)
        units = contracts(tally.score, self.base_contracts, self.risk_multiplier)
        refused = "the confidence is too small for a single contract"
        if units > 0:
            at_market = rule is Rule.VOTED_MARKET
            order = self._entry(target, units, seen, why, at_market=at_market)
            if on_grid(seen.close, self.tick) not in (order["stop_loss"], order["take_profit"]):
                return order
            refused = (
                f"stop or target would lie at the entry: ATR(14) of {seen.atr_14:g} is too small "
                f"for a tick of {self.tick:g}"
            )
        if seen.position != 0:  # the votes are against it: it is left, as an account leaves first
            return self._close(seen, why)
        return hold(refused, why)

    def _close(self, seen: Snapshot, why: Metadata) -> ClosePosition:
        return {
            "action": "close_position",
            "order_type": "MARKET",
            "side": "SELL" if seen.position > 0 else "BUY",
            "symbol": self.symbol,
            "time_in_force": "IOC",
            "metadata": why,
        }

    def _votes(self, votes: list[int], odds: Odds) -> list[AgentVote]:
        names, meanings = self.team.names, self.team.class_names
        rows = zip(names, meanings, votes, odds, strict=True)
        return [
            {
                "agent_id": name,
                "action": vote - 1,
                "meaning": classes[vote],
                "probabilities": shares,
                "confidence": shares[vote],
            }
            for name, classes, vote, shares in rows
        ]

    def _entry(
        self, side: int, units: int, seen: Snapshot, why: Metadata, *, at_market: bool
    ) -> ExecuteTrade:
        order: ExecuteTrade = {
            "action": "execute_trade",
            "order_type": "MARKET" if at_market else "LIMIT",
            "side": "BUY" if side > 0 else "SELL",
            "quantity": units,
            "symbol": self.symbol,
            "stop_loss": self._price(seen, -side, self.stop_atr),
            "take_profit": self._price(seen, side, self.target_atr),
            "time_in_force": "IOC" if at_market else "BAR",
            "reverses": seen.position == -side,
            "metadata": why,
        }
        if not at_market:
            order["limit_price"] = on_grid(seen.close, self.tick)
        return order

    def _price(self, seen: Snapshot, side: int, atrs: float | None) -> float | None:
        if atrs is None:
            return None
        return on_grid(float(seen.close) + side * atrs * float(seen.atr_14), self.tick)


def most_probable(odds: Odds) -> list[int]:
    """Return each agent's vote; of equals the first."""
    return [shares.index(max(shares)) for shares in odds]


def _check_team(team: Team) -> None:
    require(
        bool(team.roles),
        "the tactical service needs a team that votes: serve a run of agent=tactical",
    )
    for spec in team.specs:
        key = f"agent.members.{spec.agent}"
        for name in spec.window:
            require(
                name in MATRIX_5,
                f"{key}.inputs has {name}, which the five-minute matrix lacks: serve a team that "
                f"reads {', '.join(MATRIX_5)}",
            )
        require(
            spec.window_bars <= TACTICAL_BARS,
            f"{key}.window_bars must be at most {TACTICAL_BARS} to be served, was "
            f"{spec.window_bars}",
        )
