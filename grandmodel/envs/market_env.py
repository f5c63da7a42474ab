"""Many environments on one tape: a step is a handful of batched tensor operations.

Source: `docs/definitions.md`, "One step".
"""

import torch
from torch import Tensor

from grandmodel.core.checks import UserError, require
from grandmodel.core.types import Observation, StepResult
from grandmodel.decision.limits import limit_targets
from grandmodel.envs.config import EnvConfig
from grandmodel.envs.observation import account_block
from grandmodel.envs.peak import Peak, RunningPeak, WindowPeak
from grandmodel.envs.reward import Reward, StepFacts
from grandmodel.envs.simulator import DRAWDOWN, ENTRY, Account, Terms
from grandmodel.envs.starts import StartPolicy, Starts
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
        cost_scale: factor on all costs, may be set between steps.
        bar: int64 [env], row of the last closed bar.
        active: bool [env], False where a segment is finished.
        force_flat: bool [env], where the coming decision must leave the account flat.
        no_entry: bool [env], where the coming decision may not open a position.
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
        self.cost_scale = 1.0
        self._table = StepTable(tape, env, reward.scale.sd_floor, starts.rows)
        self._signals = _signals(tape, reward.needs, starts.rows)
        self._long_only = tape.instrument.long_only
        self._steps_taken = 0
        self.reset()

    @torch.no_grad()
    def reset(self) -> Observation:
        """Start all environments anew: float32 [env, 4] account, int64 [env] the others."""
        self.bar, self._last_bar = self.starts.first(self.n_envs, self.generator)
        self._account = Account(self._terms(), self.n_envs, self._peak(), self.device)
        zeros = torch.zeros(self.n_envs, dtype=torch.int64, device=self.device)
        block = torch.zeros(self.n_envs, 4, dtype=torch.float32, device=self.device)
        self._look_ahead()
        return Observation(self.bar, block, zeros, zeros)

    @torch.no_grad()
    def step(self, target: Tensor) -> StepResult:
        """Send targets at the close of `bar`, fill at the next open, mark at the next close.

        Args:
            target: wanted position, int64 [env] of -1, 0, 1; hard limits come after it.
        """
        account, rows = self._account, self._rows
        position_before = account.position.clone()
        equity_before = account.equity.clone()
        drawdown_before = account.money[DRAWDOWN].clone()
        allowed = limit_targets(
            target,
            position_before,
            account.bars_held,
            self.config.max_hold_bars,
            self.force_flat,
            self.no_entry,
            self._long_only,
        )
        fill = account.step(rows, allowed, self.cost_scale)
        equity = account.equity.clone()
        change = equity - equity_before
        full_change = change if self.cost_scale == 1.0 else fill.pnl_gross - fill.full_cost
        before = self.bar
        self.bar = before + self.active
        signals = {name: values[before - self._table.first] for name, values in self._signals}
        following = {name: values[self.bar - self._table.first] for name, values in self._signals}
        facts = StepFacts(
            change,
            full_change,
            equity_before,
            rows.trailing_sd,
            position_before,
            fill.executed,
            drawdown_before,
            account.money[DRAWDOWN],
            signals,
            following,
        )
        reward, net, terms = self.reward(facts)
        terminated = (equity <= 0.0) & self.active
        truncated = (self.bar == self._last_bar) & self.active & ~terminated
        final = self._observe(rows.close, rows.atr14)
        observation = self._next(final, terminated, truncated)
        return StepResult(
            observation,
            final,
            reward,
            net,
            terms,
            terminated,
            truncated,
            equity,
            fill.pnl_gross,
            fill.cost,
            fill.executed,
            fill.liquidated,
        )

    def _observe(self, close: Tensor, atr14: Tensor) -> Observation:
        account = self._account
        position, held = account.position.clone(), account.bars_held.clone()
        money = account.money
        block = account_block(
            position.double(), close, money[ENTRY], atr14, held.double(), money[DRAWDOWN]
        )
        return Observation(self.bar, block, position, held)

    def _next(self, final: Observation, terminated: Tensor, truncated: Tensor) -> Observation:
        """Return what the next decision sees: ended episodes begin anew or come to rest."""
        if not self.starts.resets:
            self._account.close_out(terminated)
            self._last_bar = torch.where(terminated, self.bar, self._last_bar)
            self._look_ahead()
            lost = terminated[:, None]
            block = final.account.masked_fill(lost, 0.0)
            position = final.position.masked_fill(terminated, 0)
            return Observation(final.bar, block, position, final.bars_held * (position != 0))
        done = terminated | truncated
        again = self.starts.again(self.n_envs, self.generator)
        self.bar = torch.where(done, again.bar, self.bar)
        self._last_bar = torch.where(done, again.last_bar, self._last_bar)
        self._account.restart(done)
        self._look_ahead()
        block = final.account.masked_fill(done[:, None], 0.0)
        position = final.position.masked_fill(done, 0)
        held = final.bars_held.masked_fill(done, 0)
        return Observation(self.bar, block, position, held)

    def _look_ahead(self) -> None:
        """Read the rows of the coming step, from which its hard limits are known."""
        self._rows = self._table.at(self.bar)
        self.active = self.bar < self._last_bar
        self.no_entry = self._rows.no_entry
        self.force_flat = self._rows.force_flat
        if self.starts.ends_flat:
            self.force_flat = self.force_flat | (self.bar >= self._last_bar - 1)

    def _terms(self) -> Terms:
        instrument, config = self.tape.instrument, self.config
        return Terms(
            capital=config.capital,
            multiplier=instrument.multiplier,
            initial_margin=instrument.initial_margin,
            maintenance_margin=instrument.maintenance_margin,
            contracts=config.contracts if config.size == "contracts" else None,
            sized_by_volatility=config.size == "vol_target",
        )

    def _peak(self) -> Peak:
        if self.starts.resets:
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
            "cost_scale": torch.tensor(self.cost_scale, dtype=torch.float64),
            "generator": self.generator.get_state(),
        }
        account = {f"account.{key}": v for key, v in self._account.state_dict().items()}
        reward = {f"reward.{key}": v for key, v in self.reward.state_dict().items()}
        return own | account | reward

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore :meth:`state_dict`; the next steps are then those of the saved environment."""
        if state["bar"].shape != self.bar.shape:
            raise UserError(
                f"the checkpoint holds {len(state['bar'])} environments, this run has "
                f"{self.n_envs}: resume with the same algorithm.environments"
            )
        self.bar = state["bar"].to(self.device).clone()
        self._last_bar = state["last_bar"].to(self.device).clone()
        self.cost_scale = float(state["cost_scale"])
        self.generator.set_state(state["generator"].cpu())
        self._account.load_state_dict(_part(state, "account."))
        self.reward.load_state_dict(_part(state, "reward."))
        self._look_ahead()

    def observation(self) -> Observation:
        """Return what the coming decision sees, made from the state (after a resume)."""
        here = self.bar
        block = self._observe(self.tape.close[here], self.tape.atr14[here])
        return block


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


def _signals(tape: Tape, needs: tuple[str, ...], rows: tuple[int, int]) -> list[tuple[str, Tensor]]:
    """Return the columns that reward terms read, float32 [rows] each."""
    missing = [name for name in needs if name not in tape.columns]
    require(
        not missing,
        f"reward=text needs the column {', '.join(missing)}, which the tape lacks: use "
        "reward=net or set the weight of its term to 0",
    )
    return [(name, tape.column(name)[rows[0] : rows[1]].contiguous()) for name in needs]


__all__ = ["MarketEnv", "Starts"]
