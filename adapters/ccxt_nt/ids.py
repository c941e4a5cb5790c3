"""Client order ids as each venue can carry them, reversible without any memory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MARK: Final = "zq"  # what a packed id begins with; other ids that begin so are escaped
_ESCAPED, _DATED, _DATED_BARE, _UUID, _UUID_BARE = "e", "d", "b", "u", "v"
_STAMP: Final = "%Y%m%d%H%M%S"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP_WIDTH: Final = 6  # base-62 digits: seconds enough for 1,800 years
_UUID_WIDTH: Final = 22

_DATED_ID: Final = re.compile(r"O-([0-9]{8})-([0-9]{6})-([^-]{1,9})-([^-]{1,9})-([1-9][0-9]{0,17})")
_DATED_BARE_ID: Final = re.compile(r"O([0-9]{14})([0-9A-Za-z]+)")
_UUID_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_BARE_ID: Final = re.compile(r"[0-9a-f]{32}")


class Codec(Protocol):
    """Translate between the engine's client order ids and the venue's."""

    def encode(self, client_order_id: str) -> str:
        """Spell an id for the venue; ValueError where the venue cannot carry it."""
        ...

    def decode(self, venue_text: str) -> str | None:
        """Read an id back; None where we cannot have sent it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingCodec:
    """Send ids as they are where they fit, packed into base 62 where they do not."""

    name: str
    max_length: int  # of the whole text, prefix included
    charset: str  # inside of a regular expression's brackets
    prefix: str = ""

    def encode(self, client_order_id: str) -> str:
        """Spell an id for the venue; ValueError where the venue cannot carry it."""
        for body in (client_order_id, *_packed(client_order_id)):
            if self._fits(body) and _unpacked(body) == client_order_id:
                return self.prefix + body
        raise ValueError(
            f"client order id {client_order_id!r} cannot be sent: the venue takes at most "
            f"{self.max_length - len(self.prefix)} characters of [{self.charset}]; "
            "use the engine's own ids or shorten the strategy's order_id_tag"
        )

    def decode(self, venue_text: str) -> str | None:
        """Read an id back; None where we cannot have sent it."""
        if not venue_text.startswith(self.prefix):
            return None
        original = _unpacked(venue_text[len(self.prefix) :])
        if original is None:
            return None
        try:
            return original if self.encode(original) == venue_text else None
        except ValueError:
            return None

    def _fits(self, body: str) -> bool:
        room = self.max_length - len(self.prefix)
        return len(body) <= room and re.fullmatch(f"[{self.charset}]+", body) is not None


CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {
        codec.name: codec
        for codec in (
            PackingCodec(name="dash40", max_length=40, charset="0-9A-Za-z_-"),
            PackingCodec(name="dash32", max_length=32, charset="0-9A-Za-z_-"),
            PackingCodec(name="t28", max_length=28, charset="0-9A-Za-z_.-", prefix="t-"),
            PackingCodec(name="alnum32", max_length=32, charset="0-9A-Za-z"),
        )
    }
)


def codec(name: str) -> Codec:
    """Find a codec by the name that a profile gives."""
    if name not in CODECS:
        raise ValueError(f"codec must be one of {', '.join(sorted(CODECS))}, was {name!r}")
    return CODECS[name]


def _packed(text: str) -> tuple[str, ...]:
    """Pack an id in every way that may keep all of it; the escaped form is last."""
    ways = []
    try:
        if found := _DATED_ID.fullmatch(text):
            day, time, trader, strategy, count = found.groups()
            tags = f"{len(trader)}{trader}{len(strategy)}{strategy}"
            ways.append(_DATED + _packed_time(day + time) + tags + _number(int(count)))
        if found := _DATED_BARE_ID.fullmatch(text):
            ways.append(_DATED_BARE + _packed_time(found[1]) + found[2])
    except ValueError:  # no date after all
        ways.clear()
    if _UUID_ID.fullmatch(text):
        ways.append(_UUID + _number(int(text.replace("-", ""), 16), _UUID_WIDTH))
    if _UUID_BARE_ID.fullmatch(text):
        ways.append(_UUID_BARE + _number(int(text, 16), _UUID_WIDTH))
    ways.append(_ESCAPED + text)
    return tuple(_MARK + way for way in ways)


def _unpacked(body: str) -> str | None:
    """Undo `_packed`; None for what it cannot have written."""
    if not body.startswith(_MARK):
        return body or None
    kind, rest = body[len(_MARK) : len(_MARK) + 1], body[len(_MARK) + 1 :]
    try:
        match kind:
            case "e":
                return rest or None
            case "d":
                return _dated(rest)
            case "b":
                return f"O{_unpacked_time(rest)}{rest[_STAMP_WIDTH:]}"
            case "u":
                h = f"{_value(rest):032x}"
                return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
            case "v":
                return f"{_value(rest):032x}"
            case _:
                return None
    except (ValueError, OverflowError):
        return None


def _dated(rest: str) -> str:
    stamp = _unpacked_time(rest)
    tags = []
    rest = rest[_STAMP_WIDTH:]
    for _ in ("trader", "strategy"):
        length = _value(rest[:1])
        tags.append(rest[1 : 1 + length])
        rest = rest[1 + length :]
    return f"O-{stamp[:8]}-{stamp[8:]}-{tags[0]}-{tags[1]}-{_value(rest)}"


def _packed_time(stamp: str) -> str:
    moment = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    return _number((moment - _EPOCH) // timedelta(seconds=1), _STAMP_WIDTH)


def _unpacked_time(rest: str) -> str:
    moment = _EPOCH + timedelta(seconds=_value(rest[:_STAMP_WIDTH]))
    return f"{moment.year:04d}{moment:%m%d%H%M%S}"


def _number(value: int, width: int = 1) -> str:
    if value < 0:
        raise ValueError(f"value must not be negative, was {value}")
    digits = ""
    while value:
        value, digit = divmod(value, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits.rjust(width, _DIGITS[0])


def _value(digits: str) -> int:
    if not digits:
        raise ValueError("no digits")
    total = 0
    for digit in digits:
        total = total * len(_DIGITS) + _DIGITS.index(digit)
    return total
