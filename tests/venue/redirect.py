"""Pointing an unmodified ccxt instance at the local exchange."""

import re
from typing import Any

_ADDRESS = re.compile(r"^(https?|wss?)://([^/]+)(/.*)?$")


def redirect(exchange: Any, url: str) -> None:  # ccxt has no types
    """Rewrite every REST and websocket address to `url/<original host>/<original path>`."""
    local = url.removeprefix("http://")

    def rewritten(address: Any) -> Any:
        if isinstance(address, dict):
            return {name: rewritten(value) for name, value in address.items()}
        if not isinstance(address, str) or not (found := _ADDRESS.match(address)):
            return address
        scheme, host, path = found.groups()
        host = host.replace("{hostname}", exchange.hostname or "")
        return f"{'ws' if scheme.startswith('ws') else 'http'}://{local}/{host}{path or ''}"

    for name in ("api", "test", "demo"):
        if name in exchange.urls:
            exchange.urls[name] = rewritten(exchange.urls[name])
