"""Right frames to begin with: captured from the local exchange, and recorded at the venues."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ccxt_nt.values import Product
from tests.fuzz.rig import Rig
from tests.fuzz.warp import run

# `Any` in this module: frames are any JSON

STREAMS: Final = ("trades", "book", "candles", "ticker", "orders", "fills", "balances")
_HERE: Final = Path(__file__).parents[1] / "data" / "wire"
_RECORDED: Final = Path(__file__).parents[2].parent / "shared" / "fixtures" / "wire"
_KEPT: Final = 8  # frames of each stream in the committed files
_METHODS: Final[Mapping[str, str]] = {
    "watchTrades": "trades",
    "watchOrderBook": "book",
    "watchOHLCV": "candles",
    "watchTicker": "ticker",
    "watchOrders": "orders",
    "watchMyTrades": "fills",
}
_TOPICS: Final = (  # words of a topic, and the stream it is of; the first that is found counts
    ("usertrades", "fills"),
    ("fill", "fills"),
    ("candle", "candles"),
    ("ticker", "ticker"),
    ("book", "book"),
    ("level2", "book"),
    ("obu", "book"),
    ("order", "orders"),
    ("account", "balances"),
    ("balance", "balances"),
    ("wallet", "balances"),
    ("match", "trades"),
    ("execution", "trades"),
    ("trade", "trades"),
)

type Corpus = dict[str, tuple[str, ...]]


def corpus(dialect: str, product: Product, *, recorded: Path | None = _RECORDED) -> Corpus:
    """Collect the right frames of each stream, as text."""
    found: dict[str, list[str]] = {stream: [] for stream in STREAMS}
    committed = json.loads(file_of(dialect, product).read_text(encoding="utf-8"))
    for stream, frames in committed["streams"].items():
        found[stream] += map(_text, frames)
    if recorded is not None and (recorded / dialect / "ws.json").is_file():
        _add_recorded(found, recorded / dialect, product)
    return {stream: tuple(frames) for stream, frames in found.items()}


def file_of(dialect: str, product: Product) -> Path:
    """Name the committed file of a venue and product."""
    return _HERE / f"{dialect}-{product.value}.json"


def _add_recorded(found: dict[str, list[str]], folder: Path, product: Product) -> None:
    told = json.loads((folder / "ws.json").read_text(encoding="utf-8"))
    for method, takes in told["methods"].items():
        for take in takes:
            if (":" in str(take["input"][0])) is (product is Product.LINEAR):
                found[_METHODS[method]] += map(_text, take["messages"])
    samples = json.loads((folder / "comments.json").read_text(encoding="utf-8"))["samples"]
    for sample in samples:
        stream = _stream_of(sample["payload"])
        if stream is not None:
            found[stream].append(_text(sample["payload"]))


def _stream_of(payload: Any) -> str | None:
    if not isinstance(payload, dict):
        return None
    argument = payload.get("arg")
    topic = payload.get("topic") or payload.get("channel")
    if isinstance(argument, dict):
        topic = argument.get("channel") or argument.get("topic")
    if not isinstance(topic, str):
        return None
    return next((stream for word, stream in _TOPICS if word in topic.lower()), None)


def _text(frame: Any) -> str:
    return frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))


# ---- capturing ----


async def capture(dialect: str, product: Product) -> dict[str, Any]:
    """Trade a little on the local exchange, and keep what it pushed."""
    rig = Rig(dialect, product, seed=4)
    rig.network.recording = True
    await rig.open()
    for _ in range(6):
        rig.tick()
        await rig.settle(0.5)
    last = rig.exchange.last(rig.symbol)
    assert last is not None  # it ticked
    price = last - 200 * rig.exchange.listings[rig.symbol].tick
    await rig.place(price=price)
    rig.tick(price)
    await rig.settle(2.0)
    rig.tick(price - 1000 * rig.exchange.listings[rig.symbol].tick)
    await rig.settle(2.0)
    await rig.close()
    streams: dict[str, list[Any]] = {}
    for _, stream, text in rig.network.heard:
        frames = streams.setdefault(stream, [])
        if stream in STREAMS and len(frames) < _KEPT:
            frames.append(json.loads(text))
    kept = {stream: frames for stream, frames in sorted(streams.items()) if stream in STREAMS}
    return {
        "source": "pushed by the local exchange (tests/venue), python -m tests.fuzz.corpus",
        "streams": _with_fills(kept),
    }


def _with_fills(streams: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Some venues tell fills among orders; those frames are of both streams."""
    if "fills" not in streams:
        streams["fills"] = [f for f in streams["orders"] if "tradeId" in _text(f)]
    return streams


def write_all(dialects: Iterable[str]) -> None:
    """Write the committed files anew."""
    _HERE.mkdir(parents=True, exist_ok=True)
    for dialect in dialects:
        for product in Product:
            told = run(lambda d=dialect, p=product: capture(d, p))  # type: ignore[misc]
            file_of(dialect, product).write_text(_written(told), encoding="utf-8")


def _written(told: dict[str, Any]) -> str:
    """Write a frame on each line."""
    streams = ",\n".join(
        f"  {json.dumps(stream)}: [\n   {',\n   '.join(map(_text, frames))}\n  ]"
        for stream, frames in told["streams"].items()
    )
    return f'{{\n "source": {json.dumps(told["source"])},\n "streams": {{\n{streams}\n }}\n}}\n'


if __name__ == "__main__":
    asyncio.set_event_loop(None)
    write_all(("bitget", "kucoin", "gate"))
