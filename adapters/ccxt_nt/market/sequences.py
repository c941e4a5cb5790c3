"""Lost updates of a book, seen in the numbers of the raw frames."""

from collections.abc import Callable
from typing import Any

from ccxt_nt.profiles import BookSequence

# `Any` in this module: frames are whatever a venue sent


class SequenceWatch:
    """The last number seen of each market's book."""

    def __init__(self, rule: BookSequence) -> None:
        self._rule = rule
        self._last: dict[str, int] = {}
        self._attending: dict[str, Callable[[], None]] = {}

    def attend(self, native_id: str, on_loss: Callable[[], None]) -> None:
        """Tell somebody when updates of a market were lost."""
        self._attending[native_id] = on_loss

    def leave(self, native_id: str) -> None:
        """Tell nobody any more."""
        self._attending.pop(native_id, None)

    def watch(self, frame: Any) -> None:
        """Take a frame, and tell whoever attends to its market where updates were lost."""
        market = self.hear(frame)
        if market is None:
            return
        for native_id, on_loss in list(self._attending.items()):
            if is_about(market, native_id):
                on_loss()

    def hear(self, frame: Any) -> str | None:
        """Take a frame; name the market's text where updates before this one were lost."""
        rule = self._rule
        topic = _at(frame, rule.topic)
        if not isinstance(topic, str) or not topic.startswith(rule.prefix):
            return None
        market, last = _at(frame, rule.market), _number(_at(frame, rule.last))
        if not isinstance(market, str) or last is None:
            return None
        if rule.whole is not None and _at(frame, rule.whole) is True:
            self._last[market] = last
            return None
        first, known = _number(_at(frame, rule.first)), self._last.get(market)
        self._last[market] = last if known is None else max(last, known)
        if known is None or first is None or first <= known + 1:
            return None
        del self._last[market]  # the next one begins anew
        return market

    def forget(self, native_id: str) -> None:
        """Begin anew with a market, as after a new subscription."""
        for market in [each for each in self._last if is_about(each, native_id)]:
            del self._last[market]


def is_about(market: str, native_id: str) -> bool:
    """Say whether a text such as `/market/level2:BTC-USDT` or `ob.BTC_USDT.50` names a market."""
    parts = market.replace(":", ".").split(".")
    return native_id in parts


def _at(frame: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(frame, dict):
            return None
        frame = frame.get(key)
    return frame


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
