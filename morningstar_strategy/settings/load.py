"""Reads settings: YAML with `extends:`, then `a.b=c` overrides."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from morningstar_strategy.settings.schema import Settings

__all__ = ["SettingsError", "dump_settings", "load_settings", "settings_digest"]

type Tree = dict[str, object]

# The parser lets a month 13 and brackets without end through as errors of their own
_NOT_YAML: Final = (yaml.YAMLError, ValueError, RecursionError)


class SettingsError(ValueError):
    """The settings cannot be used, in one sentence."""


def load_settings(path: Path, *, overrides: Sequence[str] = ()) -> Settings:
    """Read settings from a file; raise SettingsError naming the field and the value."""
    tree = _read(path, seen=())
    for override in overrides:
        _set(tree, override)
    try:
        return Settings.model_validate(tree)
    except ValidationError as e:
        raise SettingsError(_sentence(e)) from e


def dump_settings(settings: Settings) -> str:
    """Write the resolved settings as YAML that loads to the same settings."""
    return yaml.safe_dump(_plain(settings), sort_keys=False)


def settings_digest(settings: Settings) -> str:
    """Give the SHA-256 of what decides a run: all settings but where its results go."""
    plain = _plain(settings)
    plain.pop("runs")
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _plain(settings: Settings) -> Tree:
    plain: Tree = settings.model_dump(mode="json")
    return plain


def _read(path: Path, *, seen: tuple[Path, ...]) -> Tree:
    resolved = path.resolve()
    if resolved in seen:
        raise SettingsError(f"extends of {path} comes back to itself")
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise SettingsError(f"settings file {path} cannot be read: {e.strerror}") from e
    except _NOT_YAML as e:
        raise SettingsError(f"settings file {path} is not YAML: {_first_line(e)}") from e
    tree: object = {} if loaded is None else loaded
    if not isinstance(tree, dict):
        raise SettingsError(f"settings file {path} must hold a mapping")
    base = tree.pop("extends", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise SettingsError(f"extends of {path} must name a file, was {base!r}")
    return _merged(_read(path.parent / base, seen=(*seen, resolved)), tree)


def _merged(base: Mapping[str, object], over: Mapping[str, object]) -> Tree:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged


def _set(tree: Tree, override: str) -> None:
    """Apply one `a.b=c`, where c is YAML."""
    name, equals, text = override.partition("=")
    *parents, leaf = name.strip().split(".")
    if not equals or not leaf:
        raise SettingsError(f"--set takes a.b=c, was {override!r}")
    try:
        value = yaml.safe_load(text)
    except _NOT_YAML as e:
        raise SettingsError(f"value of --set {name} is not YAML: {_first_line(e)}") from e
    node: object = tree
    for parent in parents:
        if not isinstance(node, dict):
            raise SettingsError(f"--set {name}: {parent} is inside something that has no fields")
        node = node.setdefault(parent, {})
    if not isinstance(node, dict):
        raise SettingsError(f"--set {name}: {'.'.join(parents)} has no fields")
    node[leaf] = value


def _sentence(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"]) or "settings"
    message = fault["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more faults)" if error.error_count() > 1 else ""
    match fault["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"unknown setting {place}{more}"
        case "value_error":
            return f"setting {place}: {message}{more}"
        case _:
            return f"setting {place}: {message}, was {fault['input']!r:.80}{more}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
