"""Try the hostile corpus and broken replies, and print what became of them."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from morningstar_strategy.core.scene import Scene
from morningstar_strategy.supervisor.exchange import Purpose
from morningstar_strategy.supervisor.tape import TapeWriter, verify_tape
from tests.adversarial.fuzz import broken
from tests.adversarial.news import NEWS
from tests.adversarial.replies import ACTIVE, FLAT, REVIEWS, Hostile, plan
from tests.adversarial.trial import Tally, try_out
from tests.supervised import ACTIVE as TRADE
from tests.supervised import CONFIRMING, DOUBTING, PENDING, PREDICTION, idle, news, scene

type Trial = tuple[Scene, Purpose, str]

_REVIEWED: Final = scene(prediction=PREDICTION)
_STATES: Final = (idle(), idle(trade=TRADE), idle(trade=PENDING))


def corpus() -> Iterator[Trial]:
    """Give every reply in its state, and every piece of news with an obedient supervisor."""
    for hostile in REVIEWS:
        yield _REVIEWED, Purpose.REVIEW, hostile.text
    for hostile in (*FLAT, *ACTIVE):
        for state in _STATES:
            yield state, Purpose.EXECUTE, hostile.text
    for text in NEWS:
        told = (news(text, source=text[:60], symbol=text[:60]),) * 3
        for reply in (CONFIRMING, DOUBTING, text):
            yield scene(externals=told), Purpose.REVIEW, reply
        for reply in (plan(position_size_percent=15), text):
            yield idle(externals=told), Purpose.EXECUTE, reply


def fuzzed(*, count: int, seed: int) -> Iterator[Trial]:
    """Give broken replies: a quarter of them opinions, the rest commands in every state."""
    opinions = broken(_texts(*REVIEWS), count=count, seed=seed)
    commands = broken(_texts(*FLAT, *ACTIVE), count=count, seed=seed + 1)
    for number in range(count):
        if number % 4 == 0:
            yield _REVIEWED, Purpose.REVIEW, next(opinions)
        else:
            yield _STATES[number % 4 - 1], Purpose.EXECUTE, next(commands)


def _texts(*hostile: Hostile) -> tuple[str, ...]:
    return tuple(each.text for each in hostile)


def try_all(trials: Iterator[Trial], tape: Path) -> Tally:
    """Try everything, write every exchange down, and verify what was written."""
    tally, written = Tally(), 0
    with TapeWriter(tape) as writer:
        for shown, purpose, text in trials:
            for exchange in try_out(shown, purpose, text, tally):
                writer.append(exchange)
                written += 1
    if verify_tape(tape) != written:
        tally.unsafe.append(f"{written} exchanges were made, not all are on the tape")
    return tally


def report(name: str, tally: Tally) -> str:
    """Write the counts down."""
    lines = [f"{name}: {tally.tried} replies tried, {len(tally.unsafe)} unsafe orders"]
    lines += [f"  {verdict:<28} {count:>6}" for verdict, count in tally.verdicts.most_common()]
    lines += [f"  approved {action:<19} {count:>6}" for action, count in tally.approved.items()]
    return "\n".join(lines + [f"  UNSAFE {fault}" for fault in tally.unsafe[:20]])


def main(argv: Sequence[str] | None = None) -> int:
    """Print what became of every reply; fail where one was unsafe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fuzzed", type=int, default=10_000, help="broken replies")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        written = try_all(corpus(), Path(folder) / "corpus.jsonl")
        wild = try_all(fuzzed(count=args.fuzzed, seed=args.seed), Path(folder) / "fuzz.jsonl")
    print(report("hand-written", written))
    print(report("fuzzed", wild))
    return 1 if written.unsafe or wild.unsafe else 0


if __name__ == "__main__":
    sys.exit(main())
