"""From the votes of a tactical team to orders with sizes, limits, stops and targets.

Source: `docs/definitions.md`, The tactical vote.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grandmodel.core.checks import require
from grandmodel.core.types import Observation
from grandmodel.decision.aggregation import Aggregation, Roles, Tally, VoteContext, quantity
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.orders import Orders
from grandmodel.features.latched import AGE_BARS, LATCHED
from grandmodel.features.tape import Tape

MOMENTUM = "price_momentum_5"
BASE_CONTRACTS = 10.0  # at a confidence of 0.8, where the account does not count contracts
TYPES = LATCHED[:4]
DIRECTION, AGE = "synergy_direction", "synergy_age"


def base_contracts(config: EnvConfig) -> float:
    """Return the contracts that a confidence of 0.8 asks for: those of the account, else ten."""
    return config.contracts if config.size == "contracts" else BASE_CONTRACTS


class VotedOrders:
    """Reads what votes are about off the tape, counts them, and writes the orders.

    Args:
        tape: with the columns of five-minute decisions.
        config: distances of stop and target, in ATR(14) from the decision's close.
        roles: what each agent votes on.
        aggregation: counts the votes; in its training form every order has the size of the unit.
        decide_on: `every_bar`, or `synergy`: only at the close at which a synergy is complete;
            `decides` [bar] then tells at which.

    Raises:
        UserError: the tape lacks a column that votes are counted by.
    """

    def __init__(
        self,
        tape: Tape,
        config: EnvConfig,
        roles: Sequence[str],
        aggregation: Aggregation,
        decide_on: str = "every_bar",
    ) -> None:
        for name in (MOMENTUM, *LATCHED):
            require(
                name in tape.columns,
                f"a voting team needs the column {name}, which these bars do not have: "
                "give features.minutes=5",
            )
        self.aggregation, self._roles = aggregation, Roles(roles, tape.close.device)
        self._tape, self._config = tape, config
        self.base = base_contracts(config)  # the unit of `env.size`
        types = torch.stack([tape.column(name) for name in TYPES], dim=1)
        self._type = (types.argmax(dim=1) + 1) * (types.amax(dim=1) > 0.0)
        self._toward = tape.column(DIRECTION).sign().long()
        self._sign = tape.column(MOMENTUM).sign().long()
        complete = (self._type > 0) & (tape.column(AGE) * AGE_BARS < 1.0)
        self.decides = complete if decide_on == "synergy" else None

    @property
    def facts(self) -> Int[Tensor, "bar 3"]:
        """Sign of the momentum, type and direction of the synergy at every row of the tape."""
        return torch.stack((self._sign, self._type, self._toward), dim=1)

    def tally(
        self,
        votes: Int[Tensor, "env agent"],
        probabilities: Float[Tensor, "env agent 3"] | None,
        bar: Int[Tensor, " env"],
        position: Int[Tensor, " env"],
    ) -> Tally:
        """Count the votes cast at the closes of rows `bar`."""
        context = VoteContext(self._sign[bar], self._type[bar], self._toward[bar], position)
        tally = self.aggregation(*self._roles(votes, probabilities), context)
        return tally if self.decides is None else tally.only(self.decides[bar], position)

    def orders(self, tally: Tally, bar: Int[Tensor, " env"]) -> Orders:
        """Return the orders of counted votes: limit orders rest at the close of the decision."""
        close, atr = self._tape.close[bar], self._tape.atr14[bar]
        reach = torch.where(atr > 0.0, atr, torch.nan) * tally.target
        stop, target = self._config.stop_atr, self._config.target_atr
        training = self.aggregation.training
        return Orders(
            target=tally.target,
            size=None if training else quantity(tally.score, self.base) / self.base,
            limit=close.masked_fill(tally.at_market, torch.nan),
            stop=None if stop is None else close - stop * reach,
            take_profit=None if target is None else close + target * reach,
        )

    def __call__(self, votes: Int[Tensor, "env agent"], seen: Observation) -> Orders:
        """Return the orders of sampled votes: a function of them and the observation alone."""
        return self.orders(self.tally(votes, None, seen.bar, seen.position), seen.bar)
