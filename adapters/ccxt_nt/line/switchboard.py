"""Who hears what on the sockets of a line: the channels that wait, and whoever taps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from ccxt_nt.line.channels import Channel, running_channel
from ccxt_nt.line.complaints import Complaints
from ccxt_nt.line.guard import Frame

# `Any` in this module: ccxt's websocket clients and answers have no types


class Switchboard(ABC):
    """The channels and taps of a line; the guard tells it what happens on the sockets."""

    def __init__(
        self, name: str, *, log: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self.bad_frames = 0
        self.last_frame = clock()
        self._name = name
        self._log = log
        self._clock = clock
        self._bad = Complaints(f"{name} frames", log)
        self._taps: list[Callable[[str, Frame], None]] = []
        self._channels: list[Channel] = []

    @abstractmethod
    def tell(self, e: BaseException) -> str:
        """Say what went wrong without keys, tokens or signatures."""

    @abstractmethod
    async def next_value(self, method: str, *args: object) -> Any:
        """Await one value of a stream."""

    @abstractmethod
    def holds(self, client: Any) -> bool:
        """Say whether a websocket is still in use."""

    @abstractmethod
    def drop(self, client: Any, reason: str) -> None:
        """End a connection, so that everything on it dials and subscribes again."""

    @abstractmethod
    async def end(self, channel: Channel) -> bool:
        """Ask the venue to end a subscription; false where that cannot be had by itself."""

    @abstractmethod
    def lost(self, client: Any) -> None:
        """Forget what ccxt remembers of a connection that is gone."""

    def channel(self, method: str, *args: object) -> Channel:
        """Open one subscription; whoever opens it owns it and forgets it in the end."""
        channel = Channel(self, method, args)
        self._channels.append(channel)
        return channel

    def tap(self, listener: Callable[[str, Frame], None]) -> None:
        """Show somebody every decoded frame before ccxt changes anything by it."""
        self._taps.append(listener)

    def heard(self, client: Any, frame: Frame) -> bool:
        """Show a frame to the taps, and a yes or a no to the channel it is for."""
        self.last_frame = self._clock()
        is_no = False
        for channel in list(self._channels):
            is_no = channel.heard(client, frame) or is_no
        if is_no:
            self.lost(client)  # a token that has expired is one of the reasons
        for listener in self._taps:
            try:
                listener(client.url, frame)
            except Exception as e:  # one listener must not deafen the others
                self._log(f"{self._name} frame not understood: {self.tell(e)}")
        return is_no

    def bad_frame(self, client: Any, frame: Frame, e: Exception) -> None:
        """Count a frame that ccxt could not digest."""
        self.bad_frames += 1
        self._bad.add(self.tell(e))

    def subscribes(
        self, client: Any, hashes: Iterable[str], sent: Frame, subscriptions: Iterable[str]
    ) -> None:
        """Tell the running channel what ccxt subscribes for it."""
        channel = running_channel()
        if channel is not None:
            wanted = tuple(subscriptions)
            is_known = all(name in client.subscriptions for name in wanted)
            channel.subscribing(client, hashes, sent, wanted)
            for other in self._channels if is_known else ():
                channel.join(other)
