"""KuCoin's wire without ccxt: raw frames of a websocket, and shapes of payloads compared."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

PATIENCE_SECS = 60.0
type Payload = Any  # whatever JSON gives


class Stream:
    """One websocket: subscribes, and hears frames by topic."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._ids = iter(range(1, 1_000))

    async def say(self, **frame: Payload) -> None:
        """Send one frame."""
        await self.socket.send_json({"id": str(next(self._ids)), "response": True, **frame})

    async def subscribe(self, topic: str, *, private: bool = False) -> None:
        """Subscribe to a topic and hear it acknowledged."""
        await self.say(type="subscribe", topic=topic, privateChannel=private)
        assert (await self.hear("type", "ack", "error"))["type"] == "ack"

    async def hear(self, key: str, *values: str) -> Payload:
        """Skip frames until one has one of these values."""
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                frame = json.loads(await self.socket.receive_str())
                if frame.get(key) in values:
                    return frame


@asynccontextmanager
async def stream(bullet: Payload, connect_id: str = "it") -> AsyncIterator[Stream]:
    """Dial what a bullet endpoint answered."""
    data = bullet["data"]
    url = f"{data['instanceServers'][0]['endpoint']}"
    query = {"token": data["token"], "connectId": connect_id}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, params=query) as socket,
    ):
        yield Stream(socket)


def _kind(value: Payload) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def differences(recorded: Payload, ours: Payload, where: str = "") -> list[str]:
    """List keys that we lack and values of another type; null stands for any type."""
    if recorded is None or ours is None:
        return []
    if _kind(recorded) != _kind(ours):
        return [f"{where}: recorded {_kind(recorded)}, ours {_kind(ours)}"]
    if isinstance(recorded, dict):
        missing = [f"{where}.{key}: missing" for key in recorded if key not in ours]
        shared = [key for key in recorded if key in ours]
        return missing + [
            text
            for key in shared
            for text in differences(recorded[key], ours[key], f"{where}.{key}")
        ]
    if isinstance(recorded, list) and recorded:
        return _of_lists(recorded, ours, where)
    return []


def _of_lists(recorded: list[Payload], ours: list[Payload], where: str) -> list[str]:
    if not ours:
        return [f"{where}: ours is empty"]
    if isinstance(recorded[0], dict | list):  # rows of one kind
        return [text for row in ours for text in differences(recorded[0], row, f"{where}[]")]
    if len(recorded) != len(ours):
        return [f"{where}: recorded {len(recorded)} figures, ours {len(ours)}"]
    pairs = enumerate(zip(recorded, ours, strict=True))
    return [text for i, (a, b) in pairs for text in differences(a, b, f"{where}[{i}]")]
