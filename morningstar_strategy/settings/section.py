"""What every part of the settings has in common."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

__all__ = ["Section", "as_utc"]


class Section(BaseModel):
    """A part of the settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def as_utc(value: datetime) -> datetime:
    """Read a time without a zone as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
