"""The thread of one channel: sends what is in its queue, and tries again where that may help."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from live.monitoring.channels import Channel
from live.monitoring.dedupe import Message, Tone
from live.monitoring.posting import DeliveryError

__all__ = ["Count", "Outbox"]

_log = logging.getLogger(__name__)

_LONGEST_PAUSE: Final = 60.0  # seconds between two tries, where the server names none

type Count = Callable[[str, str], None]  # channel, outcome


class Outbox:
    """A bounded queue before a channel; what finds no place is counted and told later.

    `pause_secs` is the first pause between two tries, and doubles. An outbox that closes tries
    everything that is left once, for as long as it is given.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        size: int,
        attempts: int,
        count: Count,
        rng: Random,
        pause_secs: float = 1.0,
    ) -> None:
        for name, value in (("size", size), ("attempts", attempts)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, was {value}")
        self._channel, self._size, self._attempts = channel, size, attempts
        self._count, self._rng, self._pause_secs = count, rng, pause_secs
        self._queue: deque[Message] = deque()
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._lost = 0
        name = f"alerts-{channel.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._failing = False

    @property
    def name(self) -> str:
        """Name the channel."""
        return self._channel.name

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, message: Message) -> None:
        """Queue a message if it is for this channel; never waits."""
        lowest = self._channel.min_level.rank
        if message.level.rank < lowest and message.tone is not Tone.HEARTBEAT:
            return
        with self._news:
            if len(self._queue) < self._size:
                self._queue.append(message)
                self._news.notify()
                return
            self._lost += 1
        self._count(self.name, "dropped")

    def close(self) -> None:
        """Say that nothing more comes; pauses end at once."""
        self._closing.set()
        with self._news:
            self._news.notify()

    def join(self, secs: float) -> bool:
        """Wait for what is left to be sent; say whether it was."""
        self._thread.join(secs)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._deliver(message)
            except Exception:  # the thread must outlive a channel's fault
                _log.exception("Channel %s failed", self.name)
                self._lose()

    def _next(self) -> Message | None:
        with self._news:
            while not self._queue:
                if self._closing.is_set():
                    return None
                self._news.wait()
            return self._queue.popleft()

    def _deliver(self, message: Message) -> None:
        with self._news:
            lost, self._lost = self._lost, 0
        told = replace(message, lost=lost)
        for attempt in range(self._attempts):
            try:
                self._channel.send(told)
            except DeliveryError as e:
                if e.is_final or attempt + 1 == self._attempts or self._closing.is_set():
                    self._give_up(lost, e)
                    return
                self._count(self.name, "repeated")
                self._closing.wait(self._pause(attempt, e))
            else:
                self._failing = False
                self._count(self.name, "sent")
                return

    def _pause(self, attempt: int, error: DeliveryError) -> float:
        if error.retry_after_secs is not None:
            return error.retry_after_secs
        longest = min(_LONGEST_PAUSE, self._pause_secs * float(2**attempt))
        return longest * self._rng.uniform(0.5, 1.0)

    def _give_up(self, lost: int, error: DeliveryError) -> None:
        self._lose(lost)
        if not self._failing:  # said once, not with each message
            self._failing = True
            _log.error("Messages to %s are not taken: %s", self.name, error)

    def _lose(self, before: int = 0) -> None:
        with self._news:
            self._lost += before + 1
        self._count(self.name, "failed")
