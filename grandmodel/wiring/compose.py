"""Compose and close the configuration: every key belongs to a schema, errors name the key."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

import grandmodel
from grandmodel.core.checks import UserError
from grandmodel.wiring.run_folder import fresh_name
from grandmodel.wiring.schema import InspectConfig, TrainConfig

CONFIG_DIR = Path(grandmodel.__file__).parents[1] / "conf"
SCHEMAS = {"train": TrainConfig, "inspect": InspectConfig}

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
        UserError: a value breaks a rule of its section.
    """
    value = OmegaConf.to_object(config)
    if not isinstance(value, schema):
        raise UserError(f"the configuration is not a {schema.__name__}; compose it anew")
    return value
