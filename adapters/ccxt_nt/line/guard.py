"""What we put around a ccxt class: no frame deafens a socket, every subscription is seen."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Protocol

# `Any` in this module: ccxt has no types, and frames are whatever a venue sent

type Frame = Any

_EXPONENT: Final = re.compile(r"[eE][+-]?[0-9]{4}")  # quick to look for, and rarely there
_ABSURD: Final = re.compile(  # a token of under 24 characters, for longer ones are ids in hex
    r'[\[:,"\s](?=[^\],}"\s]{1,23}[\],}"\s])[+-]?[0-9.]+[eE][+-]?[0-9]{4,}[\],}"\s]'
)


class Watchman(Protocol):
    """Who is told what happens inside a ccxt object."""

    def heard(self, client: Any, frame: Frame) -> bool:
        """See a decoded frame before ccxt does; true keeps it from ccxt."""

    def bad_frame(self, client: Any, frame: Frame, e: Exception) -> None:
        """Learn that ccxt could not digest a frame."""

    def subscribes(
        self, client: Any, hashes: Iterable[str], sent: Frame, subscriptions: Iterable[str]
    ) -> None:
        """Learn what the running watch call waits for; `sent` goes out if it is a new one."""

    def lost(self, client: Any) -> None:
        """Learn that a websocket is gone."""

    def signing_secs(self) -> float:
        """Tell how far ahead of ours the time is that requests are signed with."""

    def unusable(self, url: str, answer: object) -> Exception:
        """Build the error for an answer that is not the venue's."""


class Guard:
    """What a ccxt.pro class is derived from, together with this: it reports to `watchman`."""

    watchman: Watchman

    def client(self, url: str) -> Any:
        """Give the websocket client of a url, shielded once."""
        ccxt: Any = super()
        client = ccxt.client(url)
        if not getattr(client, "is_shielded", False):
            client.is_shielded = True
            _shield(client, self.watchman)
        return client

    def handle_message(self, client: Any, message: Frame) -> None:
        """Let the watchman see a frame first, and ccxt choke on it without consequences."""
        ccxt: Any = super()
        if self.watchman.heard(client, message):
            return
        try:
            ccxt.handle_message(client, message)
        except Exception as e:  # a raise here would end ccxt's receive loop
            self.watchman.bad_frame(client, message, e)

    def watch(
        self,
        url: str,
        message_hash: str,
        message: Frame = None,
        subscribe_hash: str | None = None,
        subscription: Any = None,
    ) -> Any:
        """Tell the watchman which subscription the running call is about."""
        ccxt: Any = super()
        subscribed = [] if subscribe_hash is None else [subscribe_hash]
        self.watchman.subscribes(self.client(url), [message_hash], message, subscribed)
        return _quiet(ccxt.watch(url, message_hash, message, subscribe_hash, subscription))

    def watch_multiple(
        self,
        url: str,
        message_hashes: list[str],
        message: Frame = None,
        subscribe_hashes: list[str] | None = None,
        subscription: Any = None,
    ) -> Any:
        """Tell the watchman which subscriptions the running call is about."""
        ccxt: Any = super()
        self.watchman.subscribes(self.client(url), message_hashes, message, subscribe_hashes or [])
        return _quiet(
            ccxt.watch_multiple(url, message_hashes, message, subscribe_hashes, subscription)
        )

    def spawn(self, method: Any, *args: Any) -> Any:
        """Begin something that ccxt itself mostly does not wait for."""
        ccxt: Any = super()
        return _quiet(ccxt.spawn(method, *args))

    def on_error(self, client: Any, error: Exception) -> None:
        """Tell the watchman that a websocket failed."""
        ccxt: Any = super()
        ccxt.on_error(client, error)
        self.watchman.lost(client)

    def on_close(self, client: Any, error: Any) -> None:
        """Tell the watchman that a websocket was closed."""
        ccxt: Any = super()
        ccxt.on_close(client, error)
        self.watchman.lost(client)

    def seconds(self) -> int:
        """Tell the time that websockets sign with; requests have an option for it."""
        ccxt: Any = super()
        return int(ccxt.milliseconds() / 1_000 + self.watchman.signing_secs())

    async def throttle(self, cost: float | None = None) -> None:
        """Wait for nothing: our own lanes decide who goes, and let the urgent overtake."""

    def on_rest_response(self, *told: Any) -> Any:
        """Take an answer whose numbers nobody can reckon with for none."""
        ccxt: Any = super()
        body = ccxt.on_rest_response(*told)
        return "" if is_absurd(body) else body

    async def fetch(
        self, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        """Refuse what no venue answers: pages, empty texts, empty objects."""
        ccxt: Any = super()
        answer = await ccxt.fetch(url, method, headers, body)
        if not isinstance(answer, (dict, list)) or answer == {}:
            raise self.watchman.unusable(url, answer)
        return answer


def _shield(client: Any, watchman: Watchman) -> None:
    """Keep undecodable frames and failing reads from leaving a socket open but deaf."""
    digest: Callable[[Any], None] = client.handle_message
    read: Callable[[], Awaitable[Any]] = client.receive
    wait: Callable[[str], Any] = client.future

    def handle_message(message: Any) -> None:
        if is_absurd(message.data):
            absurd = ValueError("a number in it is out of all bounds")
            watchman.bad_frame(client, message.data, absurd)
            return
        try:
            digest(message)
        except Exception as e:  # a raise here would end ccxt's receive loop
            watchman.bad_frame(client, getattr(message, "data", None), e)

    async def receive() -> Any:
        try:
            return await read()
        except Exception as e:
            client.on_error(e)  # ccxt itself would only reject, and never dial again
            raise

    def future(name: str) -> Any:
        found = wait(name)
        if found.done() and not found.cancelled() and found.exception() is not None:
            client.futures.pop(name, None)  # a refusal of before; ccxt would repeat it for ever
        return _quiet(found)

    client.handle_message = handle_message
    client.receive = receive
    client.future = future


def _quiet(future: Any) -> Any:
    """Have a future of ccxt's take its own refusal; whoever waits for it is told all the same."""
    future.remove_done_callback(_heard)  # ccxt gives the same one out again and again
    future.add_done_callback(_heard)
    return future


def _heard(future: Any) -> None:
    """Take a refusal that nobody waits for, which asyncio would print with a traceback."""
    if not future.cancelled():
        future.exception()


def is_absurd(text: object) -> bool:
    """Say whether a number of more than a thousand digits is spelled by its exponent.

    ccxt would write out all of its zeros, and never come back.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return isinstance(text, str) and bool(_EXPONENT.search(text) and _ABSURD.search(text))


def acknowledges(sent: Frame, heard: Frame) -> bool:
    """Say whether a frame is the venue's yes to a subscription.

    The id of the request comes back with an `ack` or a `subscribe`; or one of its arguments
    comes back with a `subscribe`.
    """
    if not _answers(sent, heard) or _is_no(heard):
        return False
    said = (heard.get("event"), heard.get("type"))
    return "subscribe" in said or "ack" in said


def refuses(sent: Frame, heard: Frame) -> bool:
    """Say whether a frame is the venue's no to a subscription."""
    return _answers(sent, heard) and _is_no(heard)


def topics(sent: Frame) -> frozenset[str]:
    """Name what a subscription asks for, the same for everybody who asks for the same."""
    if not isinstance(sent, dict):
        return frozenset()
    asked = sent.get("args")
    if isinstance(asked, list):
        return frozenset(json.dumps(each, sort_keys=True) for each in asked)
    named = [sent[key] for key in ("channel", "topic", "payload") if key in sent]
    return frozenset({json.dumps(named, sort_keys=True)} if named else ())


def _answers(sent: Frame, heard: Frame) -> bool:
    if not isinstance(sent, dict) or not isinstance(heard, dict):
        return False
    if sent.get("id") is not None:
        return str(sent["id"]) == str(heard.get("id"))
    arguments = sent.get("args")
    return isinstance(arguments, list) and heard.get("arg") in arguments


def _is_no(heard: dict[str, Any]) -> bool:
    return bool(heard.get("error")) or "error" in (heard.get("type"), heard.get("event"))
