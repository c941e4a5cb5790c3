"""Client order ids of replacements: made from the order's own id, which can be read back."""

import re
from typing import Final

_COUNTED: Final = re.compile(r"(O-.+-)([1-9][0-9]{0,11})")
_BASE: Final = 10**12  # the engine never counts so far
_REPLACED: Final = re.compile(r"(O-.+-)([1-9][0-9]{12,17})")
_SUFFIXED: Final = re.compile(r"(.+)-R[1-9][0-9]*")


def replacement(client_order_id: str, generation: int) -> str:
    """Name the order that replaces another for the nth time."""
    if generation < 1:
        raise ValueError(f"generation must be 1 or more, was {generation}")
    if found := _COUNTED.fullmatch(client_order_id):
        return f"{found[1]}{generation * _BASE + int(found[2])}"
    return f"{client_order_id}-R{generation}"


def original(client_order_id: str) -> str:
    """Read the id of the order that was replaced, or the id itself where none was."""
    if found := _REPLACED.fullmatch(client_order_id):
        count = int(found[2]) % _BASE
        return f"{found[1]}{count}" if count else client_order_id
    if found := _SUFFIXED.fullmatch(client_order_id):
        return found[1]
    return client_order_id


def generation_of(client_order_id: str) -> int:
    """Count how often an order was replaced already."""
    if found := _REPLACED.fullmatch(client_order_id):
        return int(found[2]) // _BASE
    if found := _SUFFIXED.fullmatch(client_order_id):
        return int(client_order_id[len(found[1]) + 2 :])
    return 0
