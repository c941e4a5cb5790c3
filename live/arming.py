"""Trading with money must be meant: flag, setting, typed words or a token, and no red check."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final

from ccxt_nt.errors import VenueError
from ccxt_nt.line.credentials import variable
from ccxt_nt.natives import native_keys
from ccxt_nt.settings import product_of
from ccxt_nt.venues import profile
from live.doctoring.finding import Finding, reds
from live.errors import Refused
from live.venue_names import is_native, venue_of
from morningstar_strategy.settings.node import VenueLink
from morningstar_strategy.settings.schema import Settings

__all__ = ["TOKEN", "arm", "token_of", "words_of"]

TOKEN: Final = "MORNINGSTAR_ARM"  # noqa: S105 - the name of the variable
_LENGTH: Final = 12

type Doctor = Callable[[Settings], tuple[Finding, ...]]


def arm(
    settings: Settings,
    *,
    live: bool,
    ask: Callable[[str], str] | None,
    environ: Mapping[str, str],
    now_ns: Callable[[], int],
    doctor: Doctor,
) -> int | None:
    """Give the moment at which trading with money was armed, None in any other mode.

    `live` is the flag of the command line; `ask` asks a person at a terminal, and is None where
    there is none: then the token must be in the environment. Raises Refused saying what is missing.
    """
    if settings.mode != "live":
        if live:
            raise Refused(f"--live is for mode live, mode is {settings.mode}: leave it out")
        return None
    if not live:
        raise Refused("mode live trades with money and needs --live on the command line")
    _confirm(settings, ask=ask, environ=environ)
    red = reds(doctor(settings))
    if red:
        lines = "\n".join(f"  {each.name} {each.venue}: {each.text}" for each in red)
        raise Refused(f"the doctor found what must not trade:\n{lines}")
    return now_ns()


def words_of(settings: Settings) -> str:
    """Give the words that a person types, which say where money is traded and how much of it."""
    venues = dict.fromkeys(map(venue_of, settings.data.instruments))
    return f"trade {settings.capital:f} {settings.currency} on {' and '.join(venues)}"


def token_of(settings: Settings, environ: Mapping[str, str]) -> str:
    """Give the token of exactly these settings, venues and accounts.

    An account counts by its id and its API key, of which nothing can be read from the token.
    """
    told = {
        "settings": settings.model_dump(mode="json", exclude={"runs"}),
        "accounts": [_account(link, settings, environ) for link in settings.node.venues],
    }
    text = json.dumps(told, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def _confirm(
    settings: Settings, *, ask: Callable[[str], str] | None, environ: Mapping[str, str]
) -> None:
    token, given = token_of(settings, environ), environ.get(TOKEN, "").strip()
    if given == token:
        return
    words = words_of(settings)
    if ask is None:
        stale = f"{TOKEN} was set for other settings, venues or accounts; " if given else ""
        raise Refused(
            f"{stale}mode live must be armed: start it at a terminal and type {words!r}, "
            f"or set {TOKEN}={token}"
        )
    typed = ask(f"This trades with money. To go on, type: {words}\n> ")
    if typed.strip() != words:
        raise Refused(f"not armed: {words!r} was not typed; nothing was begun")


def _account(link: VenueLink, settings: Settings, environ: Mapping[str, str]) -> list[str]:
    keys = [environ.get(name, "").strip() for name in _naming_keys(link, settings)]
    return [link.venue, link.account_id or "", *keys]


def _naming_keys(link: VenueLink, settings: Settings) -> tuple[str, ...]:
    """Name the variables that say which account it is: no secret, where there is one without."""
    name = link.name.strip().lower()
    product = product_of(link.product)
    if is_native(name):
        demo = link.demo or settings.mode == "demo"
        names = native_keys(name, product, demo=demo)
        return tuple(each for each in names if each.endswith("API_KEY")) or names
    try:
        row = profile(name, product, allow_untested=link.allow_untested)
    except VenueError as e:
        raise Refused(f"node.venues {link.name!r}: {e}") from e
    return (variable(row, "apiKey"),)
