"""Secrets out of whatever may be logged."""

from collections.abc import Iterable
from typing import Final

_SHORTEST: Final = 4  # a shorter secret would blot out ordinary text


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text by ***."""
    for secret in sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
