"""What an account tells that no order needs: a key's rights and the position mode, read only."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

from ccxt_nt.errors import Rejected, Unauthorised, Unknown, Unsupported
from ccxt_nt.profiles import Profile, Rights

# `Any` in this module: ccxt's answers have no types

_LEAST_SHOWN: Final = 3  # characters of a masked key, fewer tell nothing


class Asks(Protocol):
    """What is needed of a line."""

    async def ask(self, method: str, *args: object) -> Any:
        """Make one call; raises kinds of VenueError only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """What a key may do, in the venue's words."""

    told: tuple[str, ...]
    trades: bool
    withdraws: tuple[str, ...]
    transfers: tuple[str, ...]


async def key_rights(account: Asks, row: Profile, *, key: str) -> KeyRights | str:
    """Ask what a key may do; a text says why the venue does not tell.

    Raises VenueError where it did not answer.
    """
    rights = row.rights
    if rights is None:
        return f"{row.key} tells no key what it may do"
    try:
        answer = await account.ask(rights.call)
    except (Unauthorised, Rejected, Unsupported) as e:
        return f"{e}"  # keys of sub-accounts and of few rights must not ask
    if rights.key_field is not None:
        rows = _of_key(answer, rights.key_field, key)
        if len(rows) != 1:
            return f"{len(rows)} of the keys that {row.key} told may be this one"
        answer = rows[0]
    told = _words(_at(answer, rights.path))
    if told is None:
        return f"{row.key} told no {'.'.join(rights.path)} that can be read"
    return _sorted_out(told, rights)


async def is_hedged(account: Asks, row: Profile, symbol: str) -> bool | None:
    """Ask whether long and short are held apart, None where the venue does not tell.

    Raises VenueError where it did not answer.
    """
    told = row.mode_told
    if told is None:
        return None
    argument = symbol if told.by_symbol else dict(row.type_params)
    found = _at(await account.ask(told.call, argument), told.path)
    if not isinstance(found, str | int):
        raise Unknown(f"{told.call} did not tell {'.'.join(told.path)}")
    return found in told.hedged


def _sorted_out(told: frozenset[str], rights: Rights) -> KeyRights:
    return KeyRights(
        told=tuple(sorted(told)),
        trades=bool(_among(told, rights.trades)),
        withdraws=_among(told, rights.withdraws),
        transfers=_among(told, rights.transfers),
    )


def _among(told: frozenset[str], words: frozenset[str]) -> tuple[str, ...]:
    """Give the told words that are meant, in any case of letters."""
    meant = {word.lower() for word in words}
    return tuple(sorted(word for word in told if word.lower() in meant))


def _of_key(answer: Any, field: str, key: str) -> list[Any]:
    """Find the rows of a list that may be our key's; an answer about one key alone is its row."""
    if isinstance(answer, Mapping):
        return [answer]
    rows = [row for row in answer or () if isinstance(row, Mapping)]
    return [row for row in rows if _is_masked(row.get(field), key)]


def _is_masked(told: object, key: str) -> bool:
    if not isinstance(told, str) or len(told.replace("*", "")) < _LEAST_SHOWN:
        return False
    return "[" not in told and "?" not in told and fnmatchcase(key, told)


def _at(answer: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(answer, list):
            answer = answer[0] if answer else None
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer


def _words(told: Any) -> frozenset[str] | None:
    """Read what is granted; rows that say so only for reading grant nothing here."""
    if isinstance(told, str):
        told = told.split(",")
    if not isinstance(told, list):
        return None
    words = [_word(each) for each in told]
    return None if None in words else frozenset(word for word in words if word)


def _word(told: Any) -> str | None:
    """Read one right, "" where it only reads, None where it cannot be read."""
    if isinstance(told, str):
        return told.strip()
    if not isinstance(told, Mapping) or not isinstance(told.get("name"), str):
        return None
    return "" if told.get("read_only") is True else str(told["name"])
