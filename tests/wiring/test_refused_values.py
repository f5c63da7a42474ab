"""Every setting refuses what no number can mean: all config classes are walked, field by field."""

import importlib
import math
import pkgutil
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import grandmodel
from grandmodel.core.checks import UserError
from grandmodel.market.config import DataConfig
from grandmodel.market.cost_table import CostEntry
from grandmodel.market.instruments import Instrument
from grandmodel.wiring.schema import InspectConfig, TrainConfig

REQUIRED = {"Instrument": {"name": "X"}, "CostEntry": {"valid_from": "2020-01-01"}}
BESIDE = {("RewardConfig", "terms"): "net"}  # a key that the dictionary knows
NO_SETTINGS = {
    "StudentConfig": "constants of the references, which no configuration names",
    "InstrumentConfig": "hands what is given to Instrument, which is walked too",
    "DataSection": "has the fields of DataConfig and SyntheticConfig and runs their checks",
}

FLOATS_AT_INFINITY: dict[tuple[str, str], str] = {}
WHOLE_NUMBERS_AT_ZERO = {
    ("TrainConfig", "seed"): "a seed may be 0",
    ("EvaluationConfig", "seed"): "a seed may be 0",
    ("SyntheticConfig", "seed"): "a seed may be 0",
    ("EvaluationConfig", "surrogates"): "0: none are drawn",
    ("EvaluationConfig", "label_shifts"): "0: nothing is shifted",
    ("AgentConfig", "pool_every"): "0: no environment belongs to the pool",
    ("CallbacksConfig", "monitor_updates"): "0: no monitor",
    ("AgentConfig", "gate"): "a probability",
    ("AgentConfig", "threshold"): "a score",
    ("SplitConfig", "train"): "a share",
    ("SplitConfig", "validation"): "a share",
    ("SplitConfig", "test"): "a share",
    ("LedgerConfig", "last"): "0: all lines",
    ("LedgerFilter", "seed"): "a seed may be 0",
}
LISTS_THAT_MAY_BE_EMPTY = {
    ("MemberConfig", "inputs"): "an agent may live on context; one without any is refused later",
    ("AgentConfig", "context"): "a team may live on its windows",
    ("AgentConfig", "account"): "a team may decide without its account",
    ("EnvConfig", "account"): "a team may decide without its account",
    ("MemberConfig", "context"): "most agents have none of their own",
    ("MemberConfig", "modifiers"): "most agents have none",
    ("LoggerConfig", "tags"): "a run need not have tags",
    ("ConvMemberConfig", "attention"): "all columns weigh the same",
    ("Instrument", "costs"): "costs that never changed",
    ("DataConfig", "event_currencies"): "all currencies of the calendar",
}
LISTS_THAT_MAY_REPEAT = {
    ("MemberConfig", "inputs"): "refused with the agent's name where the team is built",
    ("MemberConfig", "context"): "a column of the team's context counts once anyhow",
    ("TemporalMemberConfig", "kernels"): "two layers may be alike",
    ("NetworkConfig", "trunk"): "two layers may be alike",
    ("ConvConfig", "channels"): "two layers may be alike",
    ("ConvMemberConfig", "attention"): "two columns may weigh the same",
    ("CriticConfig", "hidden"): "two layers may be alike",
}
LISTS = {  # something that would be accepted once
    ("MemberConfig", "inputs"): "mlmi_value",
    ("MemberConfig", "context"): "hour_sin",
    ("MemberConfig", "modifiers"): "support_prior",
    ("TemporalMemberConfig", "inputs"): "nwrqk_pred",
    ("AgentConfig", "active"): "a",
    ("AgentConfig", "context"): "hour_sin",
    ("AgentConfig", "account"): "position",
    ("EnvConfig", "account"): "position",
    ("DataConfig", "event_currencies"): "USD",
    ("LoggerConfig", "tags"): "a",
    ("EvaluationConfig", "gates"): 0.5,
    ("Instrument", "costs"): CostEntry(valid_from="2020-01-01"),
    ("TemporalMemberConfig", "kernels"): 3,
    ("NetworkConfig", "trunk"): 8,
    ("ConvConfig", "channels"): 8,
    ("ConvMemberConfig", "attention"): 0.5,
    ("CriticConfig", "hidden"): 8,
}


def classes() -> list[type]:
    """All dataclasses that hold settings: those named Config, and all that they are made of."""
    found: dict[str, type] = {}

    def add(kind: Any) -> None:
        if is_dataclass(kind) and isinstance(kind, type) and kind.__name__ not in found:
            found[kind.__name__] = kind
            for hint in get_type_hints(kind).values():
                add(hint)
        for part in get_args(kind):
            add(part)

    for module in pkgutil.walk_packages(grandmodel.__path__, "grandmodel."):
        for value in vars(importlib.import_module(module.name)).values():
            named = isinstance(value, type) and value.__name__.endswith("Config")
            if named and value.__module__.startswith("grandmodel."):
                add(value)
    for kind in (TrainConfig, InspectConfig, Instrument):
        add(kind)
    return [kind for name, kind in sorted(found.items()) if name not in NO_SETTINGS]


def plain(hint: Any) -> set[Any]:
    """The types that a hint allows: float | None gives float and NoneType."""
    return set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}


def settings(wanted: Any) -> Iterator[tuple[type, str]]:
    for kind in classes():
        hints = get_type_hints(kind)
        for item in fields(kind):
            allowed = plain(hints[item.name])
            inner = {part for hint in allowed for part in get_args(hint)}
            is_list = any(get_origin(hint) in (list, tuple) for hint in allowed)
            if wanted == "list" and is_list:
                yield kind, item.name
            if wanted != "list" and wanted in allowed | (set() if wanted is int else inner):
                yield kind, item.name


def names(found: tuple[type, str]) -> str:
    return f"{found[0].__name__}.{found[1]}"


def make(kind: type, name: str, value: Any) -> Any:
    """Return the config with one setting, wrapped where the setting holds several."""
    default = next(item for item in fields(kind) if item.name == name)
    empty = default.default_factory() if default.default_factory is not MISSING else None
    if isinstance(empty, dict):
        value = {BESIDE[(kind.__name__, name)]: value}
    elif isinstance(empty, list) and not isinstance(value, list):
        value = [value]
    return kind(**REQUIRED.get(kind.__name__, {}), **{name: value})


def test_the_walk_finds_what_there_is() -> None:
    found = {kind.__name__ for kind in classes()}
    assert {"AlgorithmConfig", "CostCurriculum", "RiskConfig", "EnvConfig", "Instrument"} <= found
    assert len(list(settings(float))) > 40
    assert (DataConfig, "split") not in list(settings(float))


@pytest.mark.parametrize("found", settings(float), ids=names)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(found: tuple[type, str], value: float) -> None:
    kind, name = found
    if (kind.__name__, name) in FLOATS_AT_INFINITY:
        pytest.skip(FLOATS_AT_INFINITY[(kind.__name__, name)])
    with pytest.raises(UserError, match=name):
        make(kind, name, value)


@pytest.mark.parametrize("found", settings(int), ids=names)
@pytest.mark.parametrize("value", [0, -1])
def test_whole_numbers_are_above_zero(found: tuple[type, str], value: int) -> None:
    kind, name = found
    if value == 0 and (kind.__name__, name) in WHOLE_NUMBERS_AT_ZERO:
        assert getattr(make(kind, name, 0), name) == 0
        return
    with pytest.raises(UserError, match=name):
        make(kind, name, value)


@pytest.mark.parametrize("found", settings("list"), ids=names)
def test_lists_hold_something(found: tuple[type, str]) -> None:
    kind, name = found
    if (kind.__name__, name) in LISTS_THAT_MAY_BE_EMPTY:
        assert not getattr(make(kind, name, []), name)
        return
    with pytest.raises(UserError, match=name):
        make(kind, name, [])


@pytest.mark.parametrize("found", settings("list"), ids=names)
def test_lists_hold_nothing_twice(found: tuple[type, str]) -> None:
    kind, name = found
    twice = [LISTS[(kind.__name__, name)]] * 2
    if (kind.__name__, name) in LISTS_THAT_MAY_REPEAT:
        assert len(getattr(make(kind, name, twice), name)) == 2
        return
    with pytest.raises(UserError, match=name):
        make(kind, name, twice)
