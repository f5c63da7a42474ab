"""Rules that no section can check alone, one function each."""

from grandmodel.core.checks import require
from grandmodel.decision.executor import SHARED_KINDS
from grandmodel.market.dataset import Dataset
from grandmodel.market.instruments import Instrument
from grandmodel.wiring.schema import TrainConfig


def check_rules(config: TrainConfig, dataset: Dataset) -> None:
    """Run every cross-field rule, also those between settings and bars.

    Raises:
        UserError: two settings contradict each other.
    """
    check_weights_can_learn(config)
    check_reward_risk(config)
    check_reward_members(config)
    check_reward_scaling(config)
    check_whole_contracts(config, dataset.instrument)
    check_capital_buys_a_lot(config, dataset)
    check_contracts_have_prices(config)


def check_weights_can_learn(config: TrainConfig) -> None:
    """Refuse pool weights whose way of learning the executor never feeds."""
    kind, executor = config.agent.ensemble_learn, config.agent.executor
    require(
        kind != "gradient" or executor == "pool",
        f"agent.ensemble_learn=gradient needs agent.executor=pool, was {executor}; set it, or "
        "use agent.ensemble_learn=record",
    )
    require(
        kind != "record" or executor not in SHARED_KINDS or len(config.agent.active_names) == 1,
        "agent.ensemble_learn=record needs agents that execute alone, but agent.executor is "
        f"{executor}; "
        "use agent.ensemble_learn=gradient or fixed",
    )


def check_reward_risk(config: TrainConfig) -> None:
    """Refuse a risk term beside the rewards that have none."""
    require(
        config.reward.kind == "net" or config.reward.risk in ("0", "0.0"),
        f"reward.risk is read by reward=net only and was {config.reward.risk} beside "
        f"reward.kind={config.reward.kind}; set reward.risk=0",
    )


def check_reward_members(config: TrainConfig) -> None:
    """Refuse to pay members that the team does not have."""
    names = config.agent.active_names
    for member in config.reward.shaping:
        require(
            member in names,
            f"reward.members.{member} pays a member that does not take part: agent.active has "
            f"{', '.join(names)}",
        )
    require(
        not config.reward.shaping
        or (config.agent.executor != "pool" and config.network.critic.sees != "own"),
        "reward.members needs agents that learn apart and no critics of their own: "
        "agent.executor=pool and algorithm.critic_sees=own cannot go with it",
    )


def check_reward_scaling(config: TrainConfig) -> None:
    """Refuse to pay for near gaps where the distance to them is not told in ATR(14)."""
    reward = config.reward
    in_use = [*([] if reward.kind == "net" else reward.weights.items())]
    in_use += [pair for weights in reward.shaping.values() for pair in weights.items()]
    require(
        config.features.scaling == "shipped" or not any(n == "gap_entry" and w for n, w in in_use),
        "the reward term gap_entry reads distances in ATR(14), which features.scaling="
        f"{config.features.scaling} does not keep: set reward.terms.gap_entry=0 or "
        "features.scaling=shipped",
    )


def check_whole_contracts(config: TrainConfig, instrument: Instrument) -> None:
    """Refuse contracts that are no multiple of the instrument's lot."""
    lots = config.env.contracts / instrument.lot
    require(
        config.env.size != "contracts" or (lots >= 1 and abs(lots - round(lots)) < 1e-6),
        f"env.contracts must be a multiple of the lot of {instrument.name} ({instrument.lot:g}), "
        f"was {config.env.contracts:g}",
    )


def check_capital_buys_a_lot(config: TrainConfig, dataset: Dataset) -> None:
    """Refuse capital that is below one whole lot at every price: nothing could ever be held."""
    instrument, env = dataset.instrument, config.env
    lowest = min((float(path.bars.low.min()) for path in dataset.paths), default=0.0)
    lot = instrument.lot * instrument.multiplier * lowest
    require(
        env.lots != "whole" or env.size != "notional" or env.capital >= lot,
        f"env.capital={env.capital:,.0f} never buys one whole lot of {instrument.name}, which is "
        f"worth {lot:,.0f} at the lowest price of the bars: raise env.capital, set env.lots=free "
        "(parts of a lot), or choose a smaller instrument",
    )


def check_contracts_have_prices(config: TrainConfig) -> None:
    """Refuse counting contracts at prices that were multiplied: their points pay nobody."""
    data = config.data
    by = "data=bootstrap" if data.kind == "bootstrap" else "data.adjustment=ratio"
    require(
        config.env.size != "contracts" or (data.kind != "bootstrap" and data.adjustment != "ratio"),
        f"env.size=contracts counts points of the real price, which {by} has multiplied: use "
        "env.size=notional, or bars that are not adjusted by ratio",
    )
