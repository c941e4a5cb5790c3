"""Which addresses are this machine's own, however they are spelt."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

__all__ = ["is_this_machine"]


def is_this_machine(host: str | None) -> bool:
    """Say whether a host names this machine by its own name or any spelling of its numbers.

    A name that only a resolver takes for this machine is not known for one.
    """
    name = (host or "").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _number(name)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address is not None and (address.is_loopback or address.is_unspecified)


def _number(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        pass  # perhaps one of the short spellings that sockets take: 127.1, 2130706433
    try:
        return IPv4Address(socket.inet_aton(name)) if name else None
    except OSError:
        return None
