"""Sessions of a live node in one dialect: killed, begun anew, supervised, stopped in order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.harness.live_looks import exposed
from tests.harness.live_node import EAGER, LiveNode, played

__all__ = ["live_sessions"]

# `Any` in this module: a node's status is JSON of every shape

_SETTINGS: Final = (
    *EAGER,
    "node.at_stop=flatten",
    "node.settle_secs=1",
    # Short trades, so that some end while the session lasts
    "decision.stop_percent=0.5",
    "decision.take_profit_percents=[0.5,1.0]",
    "risk.max_daily_loss_percent=60",
)
_SUPERVISED: Final = (
    "mode=paper",
    "supervisor.source=scripted",
    "supervisor.may_propose=true",
    "supervisor.cycle_secs=3",
    "supervisor.scripted_latency_ms=300",
)


def live_sessions(dialect: str, folder: Path, *, catalog: Path, plans: int) -> tuple[Path, ...]:
    """Run three sessions, each until so many plans were begun; give their run folders.

    The first is killed while it holds something, the second takes that up and is stopped in order,
    the third is on paper, with a supervisor that reviews and proposes.
    """
    with played(dialect, catalog, seed=7) as venue:
        own = LiveNode(venue, dialect, folder / "own", catalog=catalog, settings=_SETTINGS)
        with own as node:
            _trade(node, plans)
            node.until(lambda s: _holds(node, s), "something that is held and protected")
            node.kill()
            _trade(node, plans)
            _stop(node)
    with played(dialect, catalog, seed=8) as venue:
        told = (*_SETTINGS, *_SUPERVISED)
        with LiveNode(venue, dialect, folder / "told", catalog=catalog, settings=told) as node:
            _trade(node, plans)
            _stop(node)
    return tuple(sorted(path for path in folder.glob("*/runs/*") if path.is_dir()))


def _trade(node: LiveNode, plans: int) -> None:
    begun: set[str] = set()

    def enough(status: Mapping[str, Any]) -> bool:
        begun.update(plan["order_id"] for plan in node.plans(status).values())
        return len(begun) >= plans

    node.start()
    node.until(enough, f"{plans} plans", secs=120)


def _holds(node: LiveNode, status: Mapping[str, Any]) -> bool:
    active = any(plan["state"] == "ACTIVE" for plan in node.plans(status).values())
    return active and not exposed(status)


def _stop(node: LiveNode) -> None:
    code = node.stop()
    if code:
        raise RuntimeError(f"the node ended with {code}: {node.log.read_text()[-2000:]}")
