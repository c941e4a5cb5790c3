"""What Gate tells an account of its keys."""

from collections.abc import Mapping

from tests.venue.dialects.gate_routes import Call
from tests.venue.dialects.gate_words import USER_ID, Row


def key_rows(call: Call) -> list[Row]:
    """List the account's keys, each with most of it masked, and what they may do."""
    keys = call.house.keys
    granted = {"spot": not keys.may_trade, "futures": not keys.may_trade, "account": True}
    granted["wallet"] = not keys.may_transfer
    if keys.may_withdraw:
        granted["withdraw"] = False
    return [
        _key_row("other", "52fd0035f665*****", {}),
        _key_row("this", _masked(keys.key), granted),
    ]


def _masked(key: str) -> str:
    return f"{key[: max(len(key) // 2, 3)]}*****"


def _key_row(name: str, masked: str, granted: Mapping[str, bool]) -> Row:
    return {
        "state": 1,
        "mode": 1,
        "name": name,
        "user_id": USER_ID,
        "perms": [{"name": kind, "read_only": only} for kind, only in granted.items()],
        "ip_whitelist": [],
        "currency_pairs": [],
        "key": masked,
        "created_at": 1753030929,
        "update_at": 1756300567,
        "last_access": 1753030929,
    }
