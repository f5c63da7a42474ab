"""Small teams and random markets for the tests of the networks."""

import torch

from grandmodel.systems.config import (
    AgentConfig,
    CriticConfig,
    MemberConfig,
    NetworkConfig,
    TemporalConfig,
    TemporalMemberConfig,
)
from grandmodel.systems.team import build_team

CONTEXT = (
    "synergy_confidence",
    "synergy_direction",
    "log_volatility_ratio",
    "hour_sin",
    "hour_cos",
    "weekday",
)


def member_configs():
    return {
        "mlmi": MemberConfig(
            inputs=["mlmi_value", "mlmi_signal", "momentum_20", "momentum_50"],
            initial_weight=0.40,
        ),
        "nwrqk": MemberConfig(
            inputs=["nwrqk_value", "nwrqk_slope", "lvn_distance", "lvn_strength"],
            initial_weight=0.35,
            modifiers=["support_prior"],
        ),
        "regime": MemberConfig(
            inputs=["mmd_score", "volatility_30", "volume_profile_skew"],
            initial_weight=0.25,
            modifiers=["volatility_factor"],
        ),
    }


def agent_config(**changes):
    return AgentConfig(**{"members": member_configs(), **changes})


def temporal_network(**sizes):
    members = {
        "mlmi": TemporalMemberConfig(),
        "nwrqk": TemporalMemberConfig(
            kernels=[7, 9],
            layers=3,
            bidirectional=True,
            inputs=[
                "nwrqk_pred",
                "lvn_strength",
                "fvg_size",
                "price_distance",
                "volume_imbalance",
                "level_touches",
            ],
        ),
        "regime": TemporalMemberConfig(kernels=[5, 7], cell="gru"),
    }
    return NetworkConfig(
        kind="temporal",
        temporal=TemporalConfig(members=members, **sizes),
        critic=CriticConfig(kind="residual"),
    )


def make_team(agent=None, network=None, critic=None, seed=0, loud=True):
    """A team whose last layers are loud enough for differences to show, unless loud is False."""
    generator = torch.Generator().manual_seed(seed)
    team = build_team(
        agent or agent_config(), network or NetworkConfig(), critic, CONTEXT, generator
    )
    if loud:
        for policy in team.policies:
            torch.nn.init.normal_(policy.head.out.weight, 0.0, 0.5, generator=generator)
    return team


class RandomView:
    """A market of noise: what a policy may read of each row, without a tape."""

    def __init__(self, spec, n_rows, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.windows = {
            "pooled": torch.randn(n_rows, 2 * len(spec.window), generator=generator),
            "sequence": torch.randn(n_rows, 48, len(spec.window), generator=generator),
        }
        self.contexts = torch.randn(n_rows, len(spec.context), generator=generator)
        self.modifier_values = torch.rand(n_rows, len(spec.modifiers), generator=generator) + 0.1

    def window(self, bar, reads):
        return self.windows[reads][bar]

    def context(self, bar):
        return self.contexts[bar]

    def modifiers(self, bar):
        return self.modifier_values[bar]


def inputs(team, n_rows, seed=0):
    views = [RandomView(spec, n_rows, seed + i) for i, spec in enumerate(team.specs)]
    rows = torch.arange(n_rows)
    generator = torch.Generator().manual_seed(seed)
    reads = [policy.reads for policy in team.policies]
    return (
        [view.window(rows, kind) for view, kind in zip(views, reads, strict=True)],
        [view.context(rows) for view in views],
        [view.modifiers(rows) for view in views],
        torch.randn(n_rows, 4, generator=generator),
    )
