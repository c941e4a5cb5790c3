"""Every url of an exchange behind one endpoint: a proxy, or a local exchange."""

from typing import Any
from urllib.parse import urlsplit

# `Any` in this module: ccxt keeps its urls in nested dictionaries without types


def redirect(exchange: Any, endpoint: str) -> None:
    """Send a ccxt object's requests and websockets to `{endpoint}/{host}{path}`."""
    for name in ("api", "test", "demo"):
        if name in exchange.urls:
            exchange.urls[name] = _behind(exchange.urls[name], endpoint, exchange.hostname or "")


def _behind(urls: Any, endpoint: str, hostname: str) -> Any:
    if isinstance(urls, dict):
        return {name: _behind(url, endpoint, hostname) for name, url in urls.items()}
    if not isinstance(urls, str):
        return urls
    url = urlsplit(urls.replace("{hostname}", hostname))
    if url.scheme not in ("http", "https", "ws", "wss"):
        return urls
    there = urlsplit(endpoint)
    secure = "s" if there.scheme == "https" else ""
    scheme = ("ws" if url.scheme.startswith("ws") else "http") + secure
    return f"{scheme}://{there.netloc}{there.path.rstrip('/')}/{url.netloc}{url.path}"
