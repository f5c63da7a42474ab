"""Many environments on one tape: a step is a handful of batched tensor operations.

Source: `docs/definitions.md`, "One step".
"""

import torch
from torch import Tensor

from grandmodel.core.checks import UserError, require
from grandmodel.core.types import Observation, StepResult
from grandmodel.decision.limits import limit_targets
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.facts_reader import FactsReader
from grandmodel.envs.fills import Wanted
from grandmodel.envs.observation import observe
from grandmodel.envs.orders import Orders, sound_sizes
from grandmodel.envs.peak import Peak, RunningPeak, WindowPeak
from grandmodel.envs.reward import Reward
from grandmodel.envs.simulator import Account
from grandmodel.envs.starts import StartPolicy
from grandmodel.envs.state import AccountTerms, Legs
from grandmodel.envs.table import StepTable
from grandmodel.features.tape import Tape


class MarketEnv:
    """N accounts at N places of a tape.

    Args:
        tape: bars and columns.
        env: money, orders, episodes.
        reward: fitted on the training stretches.
        n_envs: number of environments; None where `starts` settles it.
        starts: where episodes begin and end.
        generator: draws the starts; its state is part of :meth:`state_dict`.
        device: where everything lives; the tape must be there.

    Attributes:
        cost_scale: factor on all costs, one or float64 [env], may be set between steps.
        bar: int64 [env], row of the last closed bar.
        quantity: float64 [env], signed units that the last step held over its bar, before they
            were sold in it.
        legs: where the last step's orders were filled; None: all of them at the bar's open.
        active: bool [env], False where a segment is finished.
        force_flat: bool [env] or None, where the coming decision must leave the account flat.
        no_entry: bool [env] or None, where the coming decision may not open a position.
    """

    def __init__(
        self,
        tape: Tape,
        env: EnvConfig,
        reward: Reward,
        *,
        n_envs: int | None = None,
        starts: StartPolicy,
        generator: torch.Generator,
        device: str | torch.device = "cpu",
    ) -> None:
        self.tape, self.config, self.reward, self.starts = tape, env, reward, starts
        self.n_envs = _count(n_envs, starts)
        self.generator = generator
        self.device = torch.device(device)
        self.cost_scale: float | Tensor = 1.0
        self.legs: Legs | None = None
        self._ordered = False  # whether orders with limits and brackets of their own may come
        self._table = StepTable(tape, env, reward.scale.sd_floor, starts.rows)
        self._facts = FactsReader(
            tape,
            self._table,
            reward.needs,
            trades=reward.trades,
            contracts=self._terms().contracts,
            sd_floor=reward.scale.sd_floor,
        )
        self._long_only = tape.instrument.long_only
        self.reset()

    @torch.no_grad()
    def reset(self) -> Observation:
        """Start all environments anew: float32 [env, value] account, int64 [env] the others."""
        self.bar, self._last_bar = self.starts.first(self.n_envs, self.generator)
        self._account = Account(self._terms(), self._table, self.n_envs, self._peak(), self.device)
        self.quantity = self._account.state.quantity
        zeros = torch.zeros(self.n_envs, dtype=torch.int64, device=self.device)
        values = len(self.config.account)
        block = torch.zeros(self.n_envs, values, dtype=torch.float32, device=self.device)
        self._look_ahead()
        return Observation(self.bar, block, zeros, zeros)

    @torch.no_grad()
    def step(self, orders: Tensor | Orders) -> StepResult:
        """Send orders at the close of `bar`, fill over the next bar, mark at its close.

        Args:
            orders: wanted position, int64 [env] of -1, 0, 1, entered and left as the settings
                say; or orders with sizes and prices of their own. Hard limits come after them.
        """
        if isinstance(orders, Orders) and not self._ordered:
            self._take_orders()
        before, bar, rows, active = self._account.state, self.bar, self._rows, self.active
        allowed = limit_targets(
            orders.target if isinstance(orders, Orders) else orders,
            before.position,
            before.bars_held,
            self.config.max_hold_bars,
            self.force_flat,
            self.no_entry,
            self._long_only,
        )
        fill = self._account.step(bar, rows, self._wanted(orders, allowed), self.cost_scale)
        after, self.quantity, self.legs = self._account.state, fill.quantity, fill.legs
        self.bar = bar + active
        paid = self.reward(self._facts(before, after, fill, rows, bar, self.bar, self.cost_scale))
        terminated = (after.equity <= 0.0) & active
        truncated = (self.bar == self._last_bar) & active & ~terminated
        final = observe(self.config, self.bar, after, rows.close, rows.atr14)
        return StepResult(
            observation=self._next(final, terminated, truncated),
            final=final,
            reward=paid.reward,
            net=paid.net,
            terms=paid.terms,
            shaping=paid.shaping,
            terminated=terminated,
            truncated=truncated,
            equity=after.equity,
            pnl_gross=fill.pnl_gross,
            cost=fill.cost,
            executed=fill.executed,
            liquidated=fill.liquidated,
            outcome=fill.outcome,
            ended=fill.ended,
        )

    def _wanted(self, orders: Tensor | Orders, allowed: Tensor) -> Wanted:
        """Return the allowed orders; plain targets get the prices that the settings ask for."""
        if isinstance(orders, Orders):
            unit = self.tape.instrument.multiplier
            return Wanted(
                allowed,
                sound_sizes(orders.size),
                None if orders.limit is None else orders.limit * unit,
                directed(orders.stop, allowed, unit, -torch.inf),
                directed(orders.take_profit, allowed, unit, torch.inf),
            )
        rows = self._rows
        close, stop, target = rows.close_before, rows.stop_distance, rows.target_distance
        if close is None or self._table.execution.plain:
            return Wanted(allowed)
        sided = allowed * close
        return Wanted(
            allowed,
            limit=close if self.config.entry == "limit" else None,
            stop=None if stop is None else sided - stop,
            take_profit=None if target is None else sided + target,
        )

    def _take_orders(self) -> None:
        """Read from here on what orders with prices of their own need."""
        old, self._ordered = self._table, True
        self._table = StepTable(
            self.tape,
            self.config,
            self.reward.scale.sd_floor,
            self.starts.rows,
            old.execution.ordered,
        )
        self._account.table = self._table
        self._look_ahead()

    def _next(self, final: Observation, terminated: Tensor, truncated: Tensor) -> Observation:
        """Return what the next decision sees: ended episodes begin anew or come to rest."""
        if not self.starts.resets:
            # A lost account was liquidated within the bar: it is flat already.
            self._last_bar = torch.where(terminated, self.bar, self._last_bar)
            self._look_ahead()
            return final
        done = terminated | truncated
        again = self.starts.again(self.n_envs, self.generator, done)
        self.bar = torch.where(done, again.bar, self.bar)
        self._last_bar = torch.where(done, again.last_bar, self._last_bar)
        self._account.restart(done)
        self._look_ahead()
        state = self._account.state
        block = final.account * ~done[:, None]  # all zero for a fresh account
        return Observation(self.bar, block, state.position, state.bars_held)

    def _look_ahead(self) -> None:
        """Read the rows of the coming step, from which its hard limits are known."""
        self._rows = self._table.at(self.bar)
        self.active = self.bar < self._last_bar
        self.no_entry = self._rows.no_entry
        self.force_flat = self._rows.force_flat
        if self.starts.ends_flat:
            ending = self.bar >= self._last_bar - 1
            self.force_flat = ending if self.force_flat is None else self.force_flat | ending

    def _terms(self) -> AccountTerms:
        instrument, config = self.tape.instrument, self.config
        return AccountTerms(
            capital=config.capital,
            initial_margin=instrument.initial_margin,
            maintenance_margin=instrument.maintenance_margin,
            contracts=config.contracts if config.size == "contracts" else None,
        )

    def _peak(self) -> Peak:
        if self.starts.longest <= self.config.episode_bars:
            return RunningPeak(self.n_envs, self.device)
        return WindowPeak(self.n_envs, self.config.episode_bars + 1, self.device)

    def end_rollout(self) -> None:
        """Tell the reward's normaliser that a rollout is complete."""
        self.reward.end_rollout()

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that the next steps depend on, tensors only."""
        own = {
            "bar": self.bar.clone(),
            "last_bar": self._last_bar.clone(),
            "cost_scale": torch.as_tensor(self.cost_scale, dtype=torch.float64),
            "ordered": torch.tensor(self._ordered),
            "generator": self.generator.get_state(),
        }
        account = {f"account.{key}": v for key, v in self._account.state_dict().items()}
        reward = {f"reward.{key}": v for key, v in self.reward.state_dict().items()}
        starts = {f"starts.{key}": v for key, v in self.starts.state_dict().items()}
        return own | account | reward | starts

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`; the next steps are then those of the saved environment."""
        if state["bar"].shape != self.bar.shape:
            raise UserError(
                f"the checkpoint holds {len(state['bar'])} environments, this run has "
                f"{self.n_envs}: resume with the same algorithm.environments"
            )
        self.bar = state["bar"].to(self.device).clone()
        self._last_bar = state["last_bar"].to(self.device).clone()
        scale = state["cost_scale"]
        self.cost_scale = scale.to(self.device) if scale.dim() else float(scale)
        if bool(state.get("ordered", False)) and not self._ordered:
            self._take_orders()
        self.generator.set_state(state["generator"].cpu())
        self._account.load_state_dict(_part(state, "account."))
        self.reward.load_state_dict(_part(state, "reward."))
        self.starts.load_state_dict(_part(state, "starts."))
        self._look_ahead()

    def observation(self) -> Observation:
        """Return what the coming decision sees, made from the state alone (after a resume)."""
        state = self._account.state
        unit = self.tape.instrument.multiplier
        close, atr14 = self.tape.close[self.bar] * unit, self.tape.atr14[self.bar] * unit
        return observe(self.config, self.bar, state, close, atr14)


def directed(price: Tensor | None, side: Tensor, unit: float, none: float) -> Tensor | None:
    """Return prices x multiplier x side, `none` where they are nan."""
    if price is None:
        return None
    return torch.nan_to_num(price * unit * side, nan=none, posinf=torch.inf, neginf=-torch.inf)


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}


def _count(n_envs: int | None, starts: StartPolicy) -> int:
    count = n_envs if n_envs is not None else starts.n_envs
    require(count is not None and count >= 1, f"n_envs must be at least 1, was {n_envs}")
    require(
        starts.n_envs is None or starts.n_envs == count,
        f"n_envs is {count}, but the segments to judge need {starts.n_envs} environments",
    )
    return int(count or 0)
