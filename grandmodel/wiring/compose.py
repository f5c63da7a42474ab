"""Compose and close the configuration: every key belongs to a schema, errors name the key."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TypeVar

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

import grandmodel
from grandmodel.core.checks import UserError, require
from grandmodel.wiring.exit import SEE_ALL
from grandmodel.wiring.run_folder import fresh_name
from grandmodel.wiring.schema import InspectConfig, LedgerConfig, TrainConfig, WandbReportConfig

CONFIG_DIR = Path(grandmodel.__file__).parents[1] / "conf"
SCHEMAS = {
    "train": TrainConfig,
    "inspect": InspectConfig,
    "ledger": LedgerConfig,
    "wandb_report": WandbReportConfig,
}

Config = TypeVar("Config")


def register() -> None:
    """Make schemas and resolvers known to Hydra; safe to call twice."""
    store = ConfigStore.instance()
    for name, schema in SCHEMAS.items():
        store.store(f"{name}_schema", schema)
    if not OmegaConf.has_resolver("fresh_name"):
        OmegaConf.register_new_resolver("fresh_name", fresh_name, use_cache=True)


def compose(name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose the entry configuration ``name`` (a file of conf/) with command-line overrides.

    Raises:
        HydraException: an override or an experiment names an unknown key, choice or type.
    """
    register()
    with hydra.initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        return hydra.compose(name, overrides=list(overrides))


def typed(config: DictConfig, schema: type[Config]) -> Config:
    """Turn a composed configuration into its dataclass, running every section's own checks.

    Raises:
        UserError: a value breaks a rule of its section, or a key belongs to none.
    """
    _refuse_unknown(config)
    value = OmegaConf.to_object(config)
    if not isinstance(value, schema):
        raise UserError(f"the configuration is not a {schema.__name__}; compose it anew")
    return value


def _refuse_unknown(config: DictConfig, above: str = "") -> None:
    """Refuse keys that a section does not have: ``+key=value`` adds any key to any section."""
    schema = OmegaConf.get_type(config)
    known = {item.name for item in fields(schema)} if is_dataclass(schema) else None
    for name in config:
        key = f"{above}{name}"
        require(
            known is None or name in known,
            f"{key} is not a configuration key; correct or remove it ({SEE_ALL})",
        )
        value = config.get(name)
        if isinstance(value, DictConfig):
            _refuse_unknown(value, f"{key}.")
