"""The keys: whether they are there, and whether they may do more than trade."""

from collections.abc import Mapping

from ccxt_nt.errors import VenueError
from ccxt_nt.line.client import Line
from ccxt_nt.line.credentials import Credentials, CredentialsError
from ccxt_nt.orders.looks import KeyRights, key_rights
from ccxt_nt.profiles import Profile
from live.doctoring.finding import Finding, Level, about

__all__ = ["present", "rights"]


def present(
    row: Profile, environ: Mapping[str, str], *, venue: str
) -> tuple[Credentials | None, tuple[Finding, ...]]:
    """Take the keys from the environment; red where one is missing."""
    try:
        return Credentials.from_environment(row, environ), ()
    except CredentialsError as e:
        return None, (about("keys", Level.RED, f"{e}", venue=venue),)


async def rights(account: Line, *, key: str, venue: str) -> Finding:
    """Ask what the key may do; money must not leave the account with it."""
    try:
        told = await key_rights(account, account.profile, key=key)
    except VenueError as e:
        return about("keys", Level.RED, f"what the key may do could not be asked: {e}", venue=venue)
    match told:
        case KeyRights():
            return _judged(told, venue)
        case _:
            text = f"unknown whether the key may withdraw or transfer: {told}"
            return about("keys", Level.UNKNOWN, text, venue=venue)


def _judged(told: KeyRights, venue: str) -> Finding:
    evidence = {"rights": ", ".join(told.told)}
    too_much = (*told.withdraws, *told.transfers)
    if too_much:
        can = "withdraw" if told.withdraws else "transfer"
        text = f"the key may {can} ({', '.join(too_much)}): make one that may only read and trade"
        return about("keys", Level.RED, text, venue=venue, **evidence)
    if not told.trades:
        text = "the key may not trade here"
        return about("keys", Level.RED, text, venue=venue, **evidence)
    text = "the key may trade, and neither withdraw nor transfer"
    return about("keys", Level.OK, text, venue=venue, **evidence)
