import pytest
from team_factory import agent_config

from grandmodel.core.checks import UserError
from grandmodel.systems.config import AgentConfig, MemberConfig, NetworkConfig, TemporalConfig


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AgentConfig(executor="all"), r"agent\.executor must be one of episode, step"),
        (lambda: AgentConfig(ensemble_learn="x"), r"agent\.ensemble_learn must be one of record"),
        (lambda: AgentConfig(pool="mean"), r"agent\.pool must be one of log, linear, was mean"),
        (lambda: AgentConfig(execute="x"), r"agent\.execute must be one of challenger, argmax"),
        (lambda: AgentConfig(gate="auto"), r"agent\.gate must be calibrated or a number"),
        (lambda: AgentConfig(gate=1.5), r"agent\.gate must lie in \[0, 1\], was 1\.5"),
        (lambda: AgentConfig(pool_every=1), r"agent\.pool_every must be 0 or at least 2, was 1"),
        (lambda: AgentConfig(max_hold_bars=0), r"agent\.max_hold_bars must be at least 1, was 0"),
        (lambda: AgentConfig(context=["a", "a"]), r"agent\.context must name each value once"),
        (lambda: MemberConfig(modifiers=["x"]), r"modifiers must be one of volatility_factor"),
        (lambda: MemberConfig(initial_weight=0.0), r"initial_weight must lie in \(0, 1\]"),
        (lambda: NetworkConfig(kind="cnn"), r"network\.kind must be one of mlp, temporal"),
        (lambda: NetworkConfig(trunk=[]), r"network\.trunk must hold at least one positive width"),
        (lambda: NetworkConfig(head=0), r"network\.head must hold at least one positive width"),
        (lambda: TemporalConfig(heads=0), r"network\.temporal\.heads must be at least 1, was 0"),
        (lambda: TemporalConfig(channels=0), r"network\.temporal\.channels must be at least 1"),
        (lambda: NetworkConfig(dropout=1.0), r"network\.dropout must lie in \[0, 1\), was 1\.0"),
    ],
)
def test_values_out_of_range_name_their_key(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


def test_active_names_default_to_all_members_in_order():
    assert agent_config().active_names == ("mlmi", "nwrqk", "regime")
    assert agent_config(active=["regime"]).active_names == ("regime",)
    assert AgentConfig(gate=0.65).gate == 0.65


def test_a_team_that_votes_must_see_its_position():
    members = {"fvg": MemberConfig(inputs=["x"], votes="direction")}
    voting = {"members": members, "execute": "votes", "executor": "votes"}
    assert AgentConfig(**voting, account=["drawdown", "position"]).voting
    with pytest.raises(UserError, match=r"agent\.account of a team that votes must hold position"):
        AgentConfig(**voting, account=["drawdown"])
