"""The settings of the supervisor."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    BeforeValidator,
    Field,
    field_serializer,
    field_validator,
    model_validator,
)

from morningstar_strategy.settings.section import Section
from morningstar_strategy.supervisor.budget import Budget
from morningstar_strategy.supervisor.chain import Patience
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.providers import ProviderSpec, preset, with_preset

__all__ = ["GRACE_SECS", "SupervisorSettings"]

GRACE_SECS: Final = 0.5  # past the deadline, for the supervisor to say itself that nobody spoke


def _filled(value: object) -> object:
    """Fill a provider from its preset."""
    return with_preset(value) if isinstance(value, str | Mapping) else value


def _not_boolean(value: object) -> object:
    if isinstance(value, bool):
        # A TypeError would pass through pydantic as one of our own faults
        raise ValueError(f"a number must not be true or false, was {value}")  # noqa: TRY004
    return value


def _is_flag(told: object) -> bool:
    return bool in (told, *get_args(told))


def _counted(section: type) -> BeforeValidator:
    """Refuse true and false where the section takes numbers: pydantic reads them as 1 and 0."""
    numbers = {each.name for each in fields(section) if not _is_flag(each.type)}

    def checked(value: object) -> object:
        for name, told in value.items() if isinstance(value, Mapping) else ():
            if isinstance(told, bool) and name in numbers:
                raise ValueError(f"{name} must not be true or false, was {told}")
        return value

    return BeforeValidator(checked)


class SupervisorSettings(Section):
    """Who reviews what the model signals: nobody, a script, a tape, or language models.

    The fields of `policy` may also be given beside it: `supervisor.may_propose`. `tape` is the
    file, or the run folder, that source tape replays. Source live asks the `providers` in their
    order, each a preset's name or fields, and every model of theirs needs a price; `workers` is
    how many questions may be under way at once. The script answers after `scripted_latency_ms`.
    """

    source: Literal["off", "scripted", "tape", "live"] = "off"
    tape: Path | None = None
    policy: Annotated[SupervisorPolicy, _counted(SupervisorPolicy)] = Field(
        default_factory=SupervisorPolicy
    )
    budget: Annotated[Budget, _counted(Budget)] = Field(default_factory=Budget)
    providers: tuple[
        Annotated[ProviderSpec, _counted(ProviderSpec), BeforeValidator(_filled)], ...
    ] = Field(default_factory=lambda: (preset("qwen"),), min_length=1)
    patience: Annotated[Patience, _counted(Patience)] = Field(default_factory=Patience)
    workers: Annotated[int, BeforeValidator(_not_boolean)] = Field(default=4, ge=1, le=32)
    scripted_latency_ms: Annotated[int, BeforeValidator(_not_boolean)] = Field(
        default=0, ge=0, le=60_000
    )

    @field_validator("source", mode="before")
    @classmethod
    def _spelt_out(cls, value: object) -> object:
        return "off" if value is False else value  # YAML reads a bare off as false

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, value: object) -> object:
        if isinstance(value, str) or value is False:
            return {"source": value}
        names = {each.name for each in fields(SupervisorPolicy)}
        if not isinstance(value, Mapping) or not names & set(value):
            return value
        match value.get("policy", {}):
            case Mapping() as policy:
                pass
            case other:
                raise ValueError(f"policy must hold a mapping, was {other!r:.80}")
        if twice := sorted(set(policy) & set(value)):
            raise ValueError(f"policy must not repeat what stands beside it: {', '.join(twice)}")
        beside = {key: told for key, told in value.items() if key in names}
        rest = {key: told for key, told in value.items() if key not in names}
        return rest | {"policy": {**policy, **beside}}

    @field_serializer("providers")
    def _written(self, specs: tuple[ProviderSpec, ...]) -> list[dict[str, Any]]:
        # `Any`: fields of a request are JSON; pydantic cannot write a read-only mapping by itself
        written = [{each.name: getattr(spec, each.name) for each in fields(spec)} for spec in specs]
        return [told | {"extra_body": dict(told["extra_body"])} for told in written]

    @model_validator(mode="after")
    def _can_be_asked(self) -> "SupervisorSettings":
        if self.source == "tape" and self.tape is None:
            raise ValueError("tape must name a tape or a run folder where source is tape")
        if self.source == "live":
            self.budget.require(spec.model for spec in self.providers)
            longest = max(spec.max_tokens for spec in self.providers)
            if longest > self.budget.max_reply_tokens:
                raise ValueError(
                    f"max_reply_tokens must cover the providers' max_tokens {longest}, "
                    f"was {self.budget.max_reply_tokens}"
                )
        return self
