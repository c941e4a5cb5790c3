"""Reads YAML with `extends:` and `a.b=c` overrides, and says in one sentence what is wrong."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

__all__ = ["SettingsError", "Tree", "override", "read_tree", "sentence", "unseen"]

type Tree = dict[str, object]

# Where a person puts a key, or puts one by mistake
_SECRETIVE: Final = re.compile(
    r"providers|api_?key|(.*_)?(key|token|secret|passw(or)?d|auth|credentials?)(_.*)?",
    re.IGNORECASE,
)
# The parser lets a month 13 and brackets without end through as errors of their own
_NOT_YAML: Final = (yaml.YAMLError, ValueError, RecursionError)


class SettingsError(ValueError):
    """The settings cannot be used, in one sentence."""


def read_tree(path: Path, *, overrides: Sequence[str] = ()) -> Tree:
    """Read a settings file with what it extends, then apply each `a.b=c`, where c is YAML.

    Raises SettingsError naming the file or the override.
    """
    tree = _read(path, seen=())
    for each in overrides:
        override(tree, each)
    return tree


def sentence(error: ValidationError) -> str:
    """Say the first fault of a validation in one sentence."""
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
            is_secret = any(_SECRETIVE.fullmatch(str(part)) for part in fault["loc"])
            shown = _shown(fault["input"], is_secret=is_secret)
            return f"setting {place}: {message}, was {shown}{more}"


def _shown(value: object, *, is_secret: bool) -> str:
    """Show a value, unless it is a text that may be a key or may have one inside."""
    hides = isinstance(value, Mapping | list) or (is_secret and isinstance(value, str))
    return unseen(value) if value and hides else f"{value!r:.80}"


def unseen(value: object) -> str:
    """Say what a value is without a word of it."""
    match value:
        case str():
            return f"a text of {len(value)} characters"
        case Mapping():
            return f"a mapping of {len(value)} fields"
        case list():
            return f"a list of {len(value)}"
        case _:
            return f"of type {type(value).__name__}"


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
    if _is_circular(loaded):
        raise SettingsError(f"settings file {path} holds a value that is inside itself")
    tree: object = {} if loaded is None else loaded
    if not isinstance(tree, dict):
        raise SettingsError(f"settings file {path} must hold a mapping")
    base = tree.pop("extends", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise SettingsError(f"extends of {path} must name a file, was {base!r}")
    return _merged(_read(path.parent / base, seen=(*seen, resolved)), tree)


def _is_circular(value: object, above: tuple[int, ...] = ()) -> bool:
    """Say whether an alias of YAML leads back to what it stands in."""
    if not isinstance(value, dict | list):
        return False
    below = value.values() if isinstance(value, dict) else value
    inside = (*above, id(value))
    return id(value) in above or any(_is_circular(each, inside) for each in below)


def _merged(base: Mapping[str, object], over: Mapping[str, object]) -> Tree:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged


def override(tree: Tree, told: str) -> None:
    """Apply one `a.b=c`, where c is YAML; raise SettingsError for anything else."""
    name, equals, text = told.partition("=")
    *parents, leaf = name.strip().split(".")
    if not equals or not leaf:
        raise SettingsError(f"--set takes a.b=c, was {told!r}")
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


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
