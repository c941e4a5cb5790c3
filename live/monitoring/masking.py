"""Takes secrets out of texts, in every spelling in which a library may show them."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "Masker", "secrets_of"]

MASK: Final = "***"
_ENDINGS: Final = (
    *("_API_KEY", "_APIKEY", "_SECRET", "_SECRET_KEY", "_API_SECRET", "_PASSPHRASE", "_PASSWORD"),
    *("_TOKEN", "_PRIVATE_KEY", "_WEBHOOK_URL", "_PING_URL", "_DSN", "_DATABASE_URL"),
)
_SHORTEST: Final = 4  # characters; what is shorter would be masked everywhere
_SHORTEST_LINE: Final = 16  # of a key with several lines
_GROUP: Final = 3  # bytes that base64 writes as four characters


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Give every value that the environment holds under the name of a secret."""
    return tuple(value for name, value in environ.items() if name.upper().endswith(_ENDINGS))


class Masker:
    """Replaces known secrets: plain, escaped, percent-encoded, and inside base64."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def __repr__(self) -> str:
        return f"Masker({len(self._known)} secrets)"

    def add(self, *secrets: str) -> None:
        """Learn more secrets; one shorter than four characters is passed over."""
        lines = (line for secret in secrets for line in secret.splitlines())
        found = {*secrets, *(secret.strip() for secret in secrets)}
        found |= {line.strip() for line in lines if len(line.strip()) >= _SHORTEST_LINE}
        self._known |= {secret for secret in found if len(secret.strip()) >= _SHORTEST}
        shapes = {shape for secret in self._known for shape in _shapes(secret)}
        if shapes:  # longest first: a part must not be masked before the whole
            listed = sorted(shapes, key=lambda shape: (-len(shape), shape))
            self._pattern = re.compile("|".join(map(re.escape, listed)))

    def mask(self, text: str) -> str:
        """Give a text without the secrets."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _shapes(secret: str) -> set[str]:
    escapes = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    coded = {quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="/:?&=")}
    lowered = {re.sub("%..", lambda found: found[0].lower(), text) for text in coded}
    return {secret, repr(secret)[1:-1], *escapes, *coded, *lowered, *_in_base64(secret)}


def _in_base64(secret: str) -> set[str]:
    """Give what is seen of a secret in base64, wherever in the coded bytes it begins."""
    data = secret.encode()
    found = {base64.b64encode(data).decode().rstrip("=")}
    for before in range(_GROUP):
        text = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        first = -(-before * 8 // 6)  # characters that hold other bits before it
        last = (before + len(data)) * 8 // 6  # and after it
        if last - first >= _SHORTEST:
            found.add(text[first:last])
    return found | {text.replace("+", "-").replace("/", "_") for text in found}
