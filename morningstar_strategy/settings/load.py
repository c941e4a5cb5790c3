"""Reads settings: YAML with `extends:`, then `a.b=c` overrides."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.tree import SettingsError, Tree, read_tree, sentence

_UNDECISIVE: Final[Mapping[str, bool | Mapping[str, bool]]] = {
    "runs": True,
    "predictor": {"cache": True, "threads": True},
    "node": True,
    "monitoring": True,
}

__all__ = ["SettingsError", "dump_settings", "load_settings", "settings_digest"]


def load_settings(path: Path, *, overrides: Sequence[str] = ()) -> Settings:
    """Read settings from a file; raise SettingsError naming the field and the value."""
    tree = read_tree(path, overrides=overrides)
    try:
        return Settings.model_validate(tree)
    except ValidationError as e:
        raise SettingsError(sentence(e)) from e


def dump_settings(settings: Settings) -> str:
    """Write the resolved settings as YAML that loads to the same settings."""
    return yaml.safe_dump(_plain(settings), sort_keys=False)


def settings_digest(settings: Settings) -> str:
    """Give the SHA-256 of what decides a run: all but where it writes, how fast, on what node."""
    plain = settings.model_dump(mode="json", exclude=_UNDECISIVE)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _plain(settings: Settings) -> Tree:
    plain: Tree = settings.model_dump(mode="json")
    return plain
