"""Frames made wrong in every way we could think of, each by chance and each again by its seed."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final

# `Any` in this module: a frame is any JSON

type Path = tuple[str | int, ...]

_NUMBERS: Final = (
    "NaN", "nan", "Infinity", "-Infinity", "inf", "1e400", "-1", "-0.0001", "0", "0.0", "-0", "",
    " ", "1e5", "1E-30", "0x10", "1_000", "１２", "٣", "1,5", "1.2.3", "--1", "+7", ".5", "5.",
    "9" * 40, "0." + "1" * 40, "1e-400", "abc", "null", "None", "true", "1e999999999",
)  # fmt: skip
_RAW: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64 + 1, -(2**63), 10**30, 1.5, -1.5, 1e308,
    5e-324, 0.1 + 0.2, [], {}, [[]], [None], {"": None}, "", "x" * 300, "\x00", "é漢字🎈", "\ud800",
    "'; DROP", "BTC/USDT", "\n", " ",
)  # fmt: skip
_TIMES: Final = (
    0, 1, -1, 10**9, 10**10, 10**12, 1_786_540_000, 4_102_444_799_999, 9_999_999_999_999, 10**15,
    10**18, 10**19, 2**63, "0", "-1", "1e12", "now", "2026-01-01T00:00:00Z", 1786540506881.5, None,
)  # fmt: skip
_WORDS: Final = (
    "buy", "sell", "BUY", "hold", "filled", "live", "canceled", "cancelled", "partially_filled",
    "match", "done", "open", "update", "snapshot", "subscribe", "error", "login", "ETHUSDT",
    "ETH-USDT", "ETH_USDT", "XBTUSDTM", "NOSUCHUSDT", "default", "USDT", "BTC", "maker", "welcome",
)  # fmt: skip
_WHOLE: Final = (
    "", " ", "null", "true", "0", "[]", "{}", '""', "[null]", "[[]]", "[{}]", '{"data":null}',
    '{"data":[]}', '{"data":[null]}', '{"result":null}', '{"event":null}', '{"code":"40034"}',
    '{"event":"error","code":30005,"msg":"error"}', '{"event":"error"}', '{"type":"error"}',
    '{"id":"1","type":"error","code":400,"data":"no"}', '{"type":"message"}', '{"channel":""}',
    '{"time":1,"channel":"spot.trades","event":"update","result":null}', '{"event":"login"}',
    '{"error":{"code":2,"message":"x"},"event":"subscribe"}', "<html>502 Bad Gateway</html>",
    "pong", "ping", "[1,2,3]", "NaN", '{"data":NaN}', "{" * 200, "[" * 200 + "]" * 200, "\x00",
    '{"topic":null,"subject":null,"data":null,"type":"message"}',
    '{"arg":null,"action":"update","data":[{}]}', '{"arg":{"channel":"trade"},"data":{}}',
)  # fmt: skip


class Mutator:
    """Makes wrong frames out of right ones; the same seed makes the same ones."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._deep: tuple[Callable[[Any], Any], ...] = (
            self._spoil_number,
            self._spoil_number,
            self._spoil_number,
            self._spoil_number,
            self._spoil_anything,
            self._spoil_anything,
            self._spoil_time,
            self._spoil_word,
            self._drop,
            self._drop,
            self._rename,
            self._swap,
            self._repeat,
            self._wrap,
            self._retype,
            self._scale,
        )

    def mutate(self, text: str, others: tuple[str, ...] = ()) -> str | bytes:
        """Make one wrong frame; sometimes it is still right, as the venue might have meant it."""
        rng = self._rng
        kind = rng.random()
        if kind < 0.04:
            return rng.choice(_WHOLE)
        if kind < 0.16:
            return self._spoil_text(text)
        try:
            frame = json.loads(text)
        except ValueError:
            return self._spoil_text(text)
        if kind < 0.24 and others:
            frame = self._graft(frame, rng.choice(others))
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            frame = rng.choice(self._deep)(frame)
        made = json.dumps(frame, separators=(",", ":"), ensure_ascii=rng.random() < 0.5)
        return made.encode(errors="surrogatepass") if rng.random() < 0.03 else made

    # ---- text ----

    def _spoil_text(self, text: str) -> str | bytes:
        rng, cut = self._rng, self._rng.randrange(len(text) + 1)
        match rng.randrange(7):
            case 0:
                return text[:cut]
            case 1:
                return text[:cut] + rng.choice('{}[]",:0-eN\x00é ') + text[cut:]
            case 2:
                return text[:cut] + text[cut + 1 :]
            case 3:
                return text + text
            case 4:
                other = rng.randrange(len(text) + 1)
                return text[: min(cut, other)] + text[max(cut, other) :]
            case 5:
                return bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40)))
            case _:
                return text.encode()[: cut or 1]

    # ---- structure ----

    def _graft(self, frame: Any, other: str) -> Any:
        """Put a part of another frame where this one has a part."""
        try:
            parts = list(_paths(json.loads(other)))
        except ValueError:
            return frame
        spot = self._spot(frame)
        if spot is None or not parts:
            return frame
        _, value = self._rng.choice(parts)
        return _put(frame, spot, deepcopy(value))

    def _spot(self, frame: Any, test: Callable[[Any], bool] = lambda value: True) -> Path | None:
        found = [path for path, value in _paths(frame) if path and test(value)]
        return self._rng.choice(found) if found else None

    def _spoil(self, frame: Any, test: Callable[[Any], bool], values: tuple[Any, ...]) -> Any:
        spot = self._spot(frame, test)
        return frame if spot is None else _put(frame, spot, deepcopy(self._rng.choice(values)))

    def _spoil_number(self, frame: Any) -> Any:
        values: tuple[Any, ...] = (*_NUMBERS, *(x for x in _RAW if isinstance(x, int | float)))
        return self._spoil(frame, _is_number, values)

    def _spoil_anything(self, frame: Any) -> Any:
        return self._spoil(frame, lambda value: True, _RAW)

    def _spoil_time(self, frame: Any) -> Any:
        return self._spoil(frame, _is_time, _TIMES)

    def _spoil_word(self, frame: Any) -> Any:
        return self._spoil(frame, lambda value: isinstance(value, str), _WORDS)

    def _scale(self, frame: Any) -> Any:
        """Change a number so little, or so much, that it is a number still."""
        spot = self._spot(frame, _is_number)
        if spot is None:
            return frame
        value = _get(frame, spot)
        made = float(value) * self._rng.choice((-1.0, 0.5, 2.0, 10.0, 1e-9, 1e9, 1.0000001))
        return _put(frame, spot, repr(made) if isinstance(value, str) else made)

    def _drop(self, frame: Any) -> Any:
        spot = self._spot(frame)
        if spot is None:
            return frame
        holder = _get(frame, spot[:-1])
        del holder[spot[-1]]
        return frame

    def _rename(self, frame: Any) -> Any:
        spot = self._spot(frame)
        if spot is None or not isinstance(spot[-1], str):
            return frame
        holder = _get(frame, spot[:-1])
        holder[self._rng.choice((spot[-1].upper(), spot[-1] + "2", "data", "", "id"))] = holder.pop(
            spot[-1]
        )
        return frame

    def _swap(self, frame: Any) -> Any:
        one, other = self._spot(frame), self._spot(frame)
        if one is None or other is None or one[: len(other)] == other or other[: len(one)] == one:
            return frame
        first, second = _get(frame, one), _get(frame, other)
        return _put(_put(frame, one, second), other, first)

    def _repeat(self, frame: Any) -> Any:
        spot = self._spot(frame, lambda value: isinstance(value, list) and bool(value))
        if spot is None:
            return frame
        rows = _get(frame, spot)
        rows.insert(self._rng.randrange(len(rows) + 1), deepcopy(self._rng.choice(rows)))
        return frame

    def _wrap(self, frame: Any) -> Any:
        spot = self._spot(frame)
        if spot is None:
            return [frame]
        value = _get(frame, spot)
        return _put(frame, spot, self._rng.choice(([value], {"value": value}, [value, value])))

    def _retype(self, frame: Any) -> Any:
        spot = self._spot(frame, lambda value: isinstance(value, str | int | float))
        if spot is None:
            return frame
        value = _get(frame, spot)
        if isinstance(value, str):
            try:
                return _put(frame, spot, float(value) if self._rng.random() < 0.5 else int(value))
            except (ValueError, OverflowError):
                return _put(frame, spot, list(value))
        return _put(frame, spot, str(value))


def _paths(frame: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, frame
    if isinstance(frame, dict):
        for key, value in frame.items():
            yield from _paths(value, (*path, key))
    elif isinstance(frame, list):
        for index, value in enumerate(frame):
            yield from _paths(value, (*path, index))


def _get(frame: Any, path: Path) -> Any:
    for key in path:
        frame = frame[key]
    return frame


def _put(frame: Any, path: Path, value: Any) -> Any:
    _get(frame, path[:-1])[path[-1]] = value
    return frame


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True


def _is_time(value: Any) -> bool:
    return _is_number(value) and 1e9 <= abs(float(value)) < 1e20
