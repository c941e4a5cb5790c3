"""Prompts from versioned templates: numbers computed by us, words from outside fenced."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from morningstar_strategy.core.scene import Scene
from morningstar_strategy.supervisor.exchange import Prompt, Purpose
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.portrayal import state_lines, word_lines
from morningstar_strategy.supervisor.reply import command_schema, review_schema

__all__ = ["TEMPLATES", "PromptTemplate", "load_template", "render"]

# `Any` in this module: a JSON schema has no better type

TEMPLATES: Final = {Purpose.REVIEW: ("review", 1), Purpose.EXECUTE: ("execute", 1)}
_BORDER: Final = "=== user ===\n"
_PLACES: Final = re.compile(r"\$([a-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """One template file: its two texts, and the SHA-256 of its bytes."""

    name: str
    version: int
    sha: str
    system: str
    user: tuple[str, ...]  # text and the name of what is shown, in turn; a text at either end

    def filled(self, parts: Mapping[str, str]) -> str:
        """Give the user's text with its parts in place; raises KeyError for one that is missing."""
        words = [parts[each] if place % 2 else each for place, each in enumerate(self.user)]
        return "".join(words)


@cache
def load_template(name: str, version: int) -> PromptTemplate:
    """Read a template that comes with the package; raises ValueError where its border is amiss."""
    path = files("morningstar_strategy.supervisor") / "templates" / f"{name}.v{version}.md"
    raw = path.read_bytes()
    system, border, user = raw.decode().partition(_BORDER)
    if not border:
        raise ValueError(f"template {name}.v{version} must hold the line {_BORDER.strip()!r}")
    return PromptTemplate(
        name=name,
        version=version,
        sha=sha256(raw).hexdigest(),
        system=system.strip(),
        user=tuple(_PLACES.split(user.strip())),
    )


def render(
    purpose: Purpose, scene: Scene, *, policy: SupervisorPolicy, calibration: str = ""
) -> Prompt:
    """Write down what is asked about a scene.

    `calibration` says how far the model's probabilities may be believed. Words from outside are
    shown for a review, which can only take risk off; the executor is shown numbers alone, so that
    no stranger's word can make it open anything.
    """
    template = load_template(*TEMPLATES[purpose])
    parts = {
        "state": state_lines(scene, policy=policy, calibration=calibration),
        "words": word_lines(scene, policy=policy) if purpose is Purpose.REVIEW else "",
        "symbol": scene.prediction.instrument_id,
    }
    return Prompt(
        name=template.name,
        version=template.version,
        template_sha=template.sha,
        system=template.system,
        user=template.filled(parts),
        schema=_schema(purpose, scene),
    )


def _schema(purpose: Purpose, scene: Scene) -> dict[str, Any]:
    match purpose:
        case Purpose.REVIEW:
            return review_schema(scene.prediction.instrument_id)
        case Purpose.EXECUTE:
            return command_schema(scene)
