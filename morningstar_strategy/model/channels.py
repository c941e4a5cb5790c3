"""Which model of a registry serves and which ones watch, and every decision that led there."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

__all__ = ["CHANNELS", "Change", "Channel", "Channels", "RegistryError"]
__all__ += ["change_of", "locked", "read_channels", "write_channels"]

CHANNELS: Final = "channels.json"
_LOCK: Final = ".lock"

type Action = Literal["add", "promote", "rollback"]
type Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
type ModelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
type Utc = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
    AfterValidator(lambda moment: moment.astimezone(UTC)),
]


class RegistryError(ValueError):
    """The registry, or what was asked of it, is not what it must be."""


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True
    )


class Change(_Section):
    """One decision: a model came, was promoted, or the one before took over again.

    `before` and `after` are written as `from` and `to`; a new model that serves at once, or only
    watches, comes from nothing.
    """

    at: Utc
    interval: Text
    action: Action
    before: ModelId | None = Field(validation_alias="from", serialization_alias="from")
    after: ModelId = Field(validation_alias="to", serialization_alias="to")
    who: Text
    why: Text
    evidence: tuple[Text, ...] = ()


class Channel(_Section):
    """The models of one interval: one that serves, and those that watch, sorted by name."""

    champion: str | None = None
    challengers: tuple[str, ...] = ()


class Channels(_Section):
    """All channels by interval, and the history that they follow from."""

    schema_version: Literal[1] = 1
    channels: dict[str, Channel] = Field(default_factory=dict)
    history: tuple[Change, ...] = ()

    @model_validator(mode="after")
    def _follows(self) -> Self:
        told = {interval: line.channel for interval, line in _replayed(self.history).items()}
        for interval in sorted(told.keys() | self.channels.keys()):
            if self.channels.get(interval) != told.get(interval):
                raise ValueError(f"channel {interval} must be what its history leads to, was not")
        return self

    def of(self, interval: str) -> Channel:
        """Give the models of an interval."""
        return self.channels.get(interval, Channel())

    def before(self, interval: str) -> str | None:
        """Name the champion that a rollback goes back to, None where there was none."""
        line = _replayed(self.history).get(interval)
        return line.reigns[-2] if line is not None and len(line.reigns) > 1 else None

    def after(self, change: Change) -> "Channels":
        """Give the channels as they are after one more decision.

        Raises RegistryError for one that the state does not allow.
        """
        history = (*self.history, change)
        try:
            lines = _replayed(history)
        except ValueError as e:
            raise RegistryError(str(e)) from e
        return Channels(
            channels={interval: line.channel for interval, line in lines.items()}, history=history
        )


@dataclass(slots=True)
class _Line:
    """The models of one interval while its history is told."""

    reigns: list[str] = field(default_factory=list)  # champions one after the other, last one rules
    challengers: set[str] = field(default_factory=set)

    @property
    def channel(self) -> Channel:
        return Channel(champion=self.reigns[-1], challengers=tuple(sorted(self.challengers)))

    def take(self, change: Change) -> None:
        champion = self.reigns[-1] if self.reigns else None
        match change.action:
            case "add":
                self._add(change.after, champion)
            case "promote":
                if change.after not in self.challengers:
                    raise ValueError(
                        f"{change.after} must be a challenger of {change.interval} to be promoted"
                    )
                self.reigns.append(change.after)
                self._swap(change, champion)
            case "rollback":
                if len(self.reigns) < 2 or self.reigns[-2] != change.after:
                    raise ValueError(
                        f"{change.after} must have been champion of {change.interval} before"
                    )
                self.reigns.pop()
                self._swap(change, champion)

    def _add(self, model_id: str, champion: str | None) -> None:
        if model_id == champion or model_id in self.challengers:
            raise ValueError(f"{model_id} must be new to its channel, was not")
        if champion is None:
            self.reigns.append(model_id)
        else:
            self.challengers.add(model_id)

    def _swap(self, change: Change, champion: str | None) -> None:
        if champion is None or change.before != champion:
            raise ValueError(
                f"champion of {change.interval} must be {champion}, was {change.before}"
            )
        self.challengers.remove(change.after)
        self.challengers.add(champion)


def change_of(
    *,
    at: datetime,
    interval: str,
    action: Action,
    before: str | None,
    after: str,
    who: str,
    why: str,
    evidence: tuple[str, ...] = (),
) -> Change:
    """Write a decision down; raise RegistryError for one without a reason or somebody who takes it.

    `at` must know its time zone.
    """
    try:
        return Change(
            at=at,
            interval=interval,
            action=action,
            before=before,
            after=after,
            who=who,
            why=why,
            evidence=evidence,
        )
    except ValidationError as e:
        raise RegistryError(_sentence(e)) from e


def _sentence(e: ValidationError) -> str:
    fault = e.errors(include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message}, was {fault['input']!r:.80}" if place else message


def _replayed(history: Sequence[Change]) -> Mapping[str, _Line]:
    lines: dict[str, _Line] = {}
    for change in history:
        lines.setdefault(change.interval, _Line()).take(change)
    return lines


def read_channels(root: Path) -> Channels:
    """Read the channels of a registry, none where it has no file yet.

    Raises RegistryError for a file that is not what was written.
    """
    try:
        data = (root / CHANNELS).read_bytes()
    except FileNotFoundError:
        return Channels()
    except OSError as e:
        raise RegistryError(f"{CHANNELS} of {root} cannot be read: {e.strerror}") from e
    try:
        return Channels.model_validate_json(data)
    except ValidationError as e:
        raise RegistryError(f"{CHANNELS} of {root} is not valid: {_sentence(e)}") from e


def write_channels(root: Path, channels: Channels) -> None:
    """Replace the channels of a registry at once; whoever is interrupted leaves the old ones."""
    partial = root / f".{CHANNELS}.partial"
    with partial.open("wb") as file:
        file.write(channels.model_dump_json(indent=1, by_alias=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(root / CHANNELS)
    folder = os.open(root, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep every other writer out of a registry; they wait.

    Raises RegistryError where there is no such folder.
    """
    if not root.is_dir():
        raise RegistryError(f"registry {root} must be a folder, is none")
    with (root / _LOCK).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
