"""One subscription on one line: what it waits for, whether the venue said yes, how to drop it."""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Protocol

from ccxt_nt.errors import Rejected
from ccxt_nt.line.guard import Frame, acknowledges, refuses, topics

# `Any` in this module: ccxt's websocket clients have no types

_RUNNING: ContextVar["Channel | None"] = ContextVar("channel", default=None)


class Wire(Protocol):
    """What a channel needs of its line."""

    async def next_value(self, method: str, *args: object) -> Any:
        """Await one value of a stream."""

    def holds(self, client: Any) -> bool:
        """Say whether a websocket is still in use."""

    def drop(self, client: Any, reason: str) -> None:
        """End a connection."""

    async def end(self, channel: "Channel") -> bool:
        """Ask the venue to end a subscription; false where that cannot be had by itself."""


class Channel:
    """One subscription; `watch` is called again and again, and subscribes when it must."""

    def __init__(self, wire: Wire, method: str, args: tuple[object, ...]) -> None:
        self.name = " ".join([method, *(_word(arg) for arg in args if arg)])
        self.acknowledged = False
        self.on_acknowledged: Callable[[], None] = lambda: None
        self._wire = wire
        self.method = method
        self.args = args
        self._client: Any = None
        self._sent: Frame = None
        self._hashes: tuple[str, ...] = ()
        self._subscriptions: tuple[str, ...] = ()
        self._is_void = False  # what comes is of a subscription that is being given up

    @property
    def names(self) -> list[str]:
        """List the arguments that say what is watched: symbol, timeframe."""
        return [arg for arg in self.args if isinstance(arg, str)]

    @property
    def limits(self) -> dict[str, int]:
        """Spell a depth as ccxt wants it for ending a subscription."""
        limit = next((arg for arg in self.args if isinstance(arg, int)), None)
        return {} if limit is None else {"limit": limit}

    async def watch(self) -> Any:
        """Wait for what comes next; subscribes first where that was not done or was lost."""
        token = _RUNNING.set(self)
        try:
            while True:
                value = await self._wire.next_value(self.method, *self.args)
                if not self._is_void:
                    return value
        finally:
            _RUNNING.reset(token)

    @property
    def is_connected(self) -> bool:
        """Say whether the connection that this was subscribed on is still in use."""
        return self._client is not None and self._wire.holds(self._client)

    @property
    def is_subscribed(self) -> bool:
        """Say whether this is subscribed on a connection that is still in use."""
        subscribed = self._client.subscriptions if self.is_connected else {}
        return any(name in subscribed for name in self._subscriptions)

    def hang_up(self, reason: str) -> None:
        """Drop the connection below, so that everything on it dials and subscribes again."""
        if self._client is not None:
            self._wire.drop(self._client, reason)

    async def renew(self, reason: str) -> None:
        """Give this subscription up, so that the next `watch` makes it anew; all others stay.

        Where that cannot be had the connection below is dropped.
        """
        self._is_void = True
        token = _RUNNING.set(None)  # a task begun inside of ccxt would pass for another channel
        try:
            if not await self._wire.end(self):
                self.hang_up(reason)
        finally:
            _RUNNING.reset(token)

    def subscribing(
        self, client: Any, hashes: Iterable[str], sent: Frame, subscriptions: Iterable[str]
    ) -> None:
        """Note the subscription that ccxt is about to make or to use again."""
        wanted = tuple(subscriptions)
        is_new = any(name not in client.subscriptions for name in wanted)
        has_moved = client is not self._client
        self._client, self._hashes, self._subscriptions = client, tuple(hashes), wanted
        if is_new or has_moved:
            self._sent = sent
            self.acknowledged = self._is_void = False
        elif self.acknowledged:
            self.on_acknowledged()  # as good as a new yes: the connection held

    def join(self, other: "Channel") -> None:
        """Share the yes of a channel that stands on the same subscription, had or to come.

        KuCoin's and others' orders and fills come over one topic, which is asked for once.
        """
        same = set(self._subscriptions) & set(other._subscriptions)
        if other is self or other._client is not self._client or not same or self.acknowledged:
            return
        self._sent = other._sent
        if other.acknowledged:
            self.acknowledged = True
            self.on_acknowledged()

    def shares(self, other: "Channel") -> bool:
        """Say whether the venue knows both as one: Bitget's quotes and mark prices are."""
        same = topics(self._sent) & topics(other._sent)
        return bool(same) and self.is_subscribed and self._client is other._client

    def release(self) -> None:
        """Have ccxt forget the subscription, so that the next one of its kind is asked for."""
        for name in self._subscriptions:
            self._client.subscriptions.pop(name, None)

    def heard(self, client: Any, frame: Frame) -> bool:
        """Take the venue's yes or no, if the frame is one; say whether it was a no.

        ccxt would tell a no to everybody on the connection, or to nobody.
        """
        if client is not self._client:
            return False
        if refuses(self._sent, frame):
            self._refused(client, frame)
            return True
        if not self.acknowledged and acknowledges(self._sent, frame):
            self.acknowledged = True
            self.on_acknowledged()
        return False

    def _refused(self, client: Any, frame: Frame) -> None:
        self.acknowledged = False
        for name in self._subscriptions:
            client.subscriptions.pop(name, None)
        for name in self._hashes:
            client.reject(Rejected(f"subscription refused: {frame}"), name)


def running_channel() -> Channel | None:
    """Tell which channel the running task watches."""
    return _RUNNING.get()


def _word(arg: object) -> str:
    return "+".join(str(each) for each in arg) if isinstance(arg, list) else str(arg)
