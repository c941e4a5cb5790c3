"""Tells people: takes alerts without ever waiting, says each trouble once, and says it lives."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Final, Self

from live.monitoring.alerts import Alert, Cleared, Level, Notice
from live.monitoring.channels import Channel
from live.monitoring.dedupe import Deduplicator, Message, Tone
from live.monitoring.outbox import Count, Outbox
from live.monitoring.posting import DeliveryError
from morningstar_strategy.settings.monitoring import AlertPolicy

__all__ = ["Alerter"]

_log = logging.getLogger(__name__)

_SECOND: Final = 1_000_000_000
_HOUR: Final = 3_600 * _SECOND
_IDLE_SECS: Final = 1.0
_NODE: Final = "node"


class Alerter:
    """Sends notices to channels from `with` to its end, on threads of its own.

    `alive` gives the sentence of the heartbeat. `trouble` says what is wrong with the node itself,
    "" for nothing: a thread that is stuck cannot say it, so it is asked each second, and `ping`
    calls the outside watchdog only where there is none. `now_ns` is the time of day for what is
    sent, `monotonic_ns` paces it. `mask` takes secrets out of what goes to strangers' servers. At
    the end everything has `flush_secs` to be sent.
    """

    def __init__(
        self,
        *,
        channels: Sequence[Channel],
        policy: AlertPolicy,
        count: Count,
        alive: Callable[[], str],
        trouble: Callable[[], str],
        ping: Callable[[], None] | None,
        now_ns: Callable[[], int],
        monotonic_ns: Callable[[], int],
        rng: Random,
        mask: Callable[[str], str],
        pause_secs: float = 1.0,
        flush_secs: float = 5.0,
    ) -> None:
        self._outboxes = [
            Outbox(
                channel,
                size=policy.queue_size,
                attempts=policy.attempts,
                count=count,
                rng=Random(rng.getrandbits(64)),  # noqa: S311  # spreads pauses, keeps no secret
                pause_secs=pause_secs,
            )
            for channel in channels
        ]
        self._policy, self._count = policy, count
        self._mask, self._flush_secs = mask, flush_secs
        self._alive, self._trouble, self._is_troubled = alive, trouble, False
        self._now_ns, self._monotonic_ns = now_ns, monotonic_ns
        self._dedupe = Deduplicator(window_secs=policy.dedupe_secs)
        self._inbox: queue.Queue[Notice | None] = queue.Queue(maxsize=policy.queue_size)
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._run, name="alerts", daemon=True)]
        if ping is not None:
            self._threads.append(
                threading.Thread(target=self._keep_pinging, args=(ping,), name="ping", daemon=True)
            )

    def __enter__(self) -> Self:
        self._beat_due_ns = self._monotonic_ns() + self._policy.heartbeat_hours * _HOUR
        for outbox in self._outboxes:
            outbox.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with contextlib.suppress(queue.Full):  # a full queue has the thread awake
            self._inbox.put_nowait(None)
        ends_ns = self._monotonic_ns() + round(self._flush_secs * _SECOND)
        self._threads[0].join(self._flush_secs)
        for outbox in self._outboxes:
            outbox.close()
        for outbox in self._outboxes:
            left = (ends_ns - self._monotonic_ns()) / _SECOND
            if not outbox.join(max(0.0, left)):
                _log.warning("Messages to %s are left unsent at the end", outbox.name)

    def tell(self, notice: Notice) -> None:
        """Take a notice; never waits, and drops what finds no place."""
        try:
            self._inbox.put_nowait(notice)
        except queue.Full:
            self._count("all", "dropped")

    # ------------------------------------------------------------ on the alerter's thread

    def _run(self) -> None:
        while not (self._closing.is_set() and self._inbox.empty()):
            try:
                self._step()
            except Exception:  # the thread must outlive any fault, or nobody hears of the next
                _log.exception("An alert could not be handled")
        self._look_at_node()
        self._send(self._dedupe.finish())

    def _step(self) -> None:
        try:
            notice = self._inbox.get(timeout=self._idle_secs())
        except queue.Empty:
            notice = None
        now_ns = self._monotonic_ns()
        self._send(self._dedupe.due(now_ns=now_ns))
        if notice is not None:
            self._send(self._dedupe.take(notice, now_ns=now_ns))
        self._look_at_node()
        if self._policy.heartbeat_hours and now_ns >= self._beat_due_ns:
            self._beat_due_ns = now_ns + self._policy.heartbeat_hours * _HOUR
            self._send([self._heartbeat()])

    def _idle_secs(self) -> float:
        dues = [self._dedupe.next_due_ns()]
        if self._policy.heartbeat_hours:
            dues.append(self._beat_due_ns)
        first = min((due for due in dues if due is not None), default=None)
        if first is None:
            return _IDLE_SECS
        return min(_IDLE_SECS, max(0.0, (first - self._monotonic_ns()) / _SECOND))

    def _look_at_node(self) -> None:
        """Tell when the node comes into trouble, and when it is out of it again."""
        trouble = self._trouble()
        if bool(trouble) is self._is_troubled:
            return
        self._is_troubled = bool(trouble)
        ts_event = self._now_ns()
        notice: Notice = Cleared(key=_NODE, text="The node is well again", ts_event=ts_event)
        if trouble:
            notice = Alert(level=Level.CRITICAL, key=_NODE, text=trouble, ts_event=ts_event)
        self._send(self._dedupe.take(notice, now_ns=self._monotonic_ns()))

    def _heartbeat(self) -> Message:
        return Message(
            tone=Tone.HEARTBEAT,
            level=Level.INFO,
            key="heartbeat",
            text=self._alive(),
            ts_event=self._now_ns(),
        )

    def _send(self, messages: Sequence[Message]) -> None:
        for told in messages:
            message = replace(told, key=self._mask(told.key), text=self._mask(told.text))
            for outbox in self._outboxes:
                outbox.put(message)

    # ------------------------------------------------------------ on the ping's thread

    def _keep_pinging(self, ping: Callable[[], None]) -> None:
        failing = False
        while not self._closing.is_set():
            if not self._trouble():
                try:
                    ping()
                except DeliveryError as e:
                    self._count("ping", "failed")
                    if not failing:
                        _log.error("The outside watchdog does not answer: %s", e)
                    failing = True
                else:
                    self._count("ping", "sent")
                    failing = False
            self._closing.wait(self._policy.ping_every_secs)
