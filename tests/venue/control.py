"""Lines of text that tell a running exchange what to do, each answered by one JSON object."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from tests.venue.accounting import Row, order_row, trade_by_hand, trade_by_others, truth_row
from tests.venue.faults import parse_faults
from tests.venue.local import LocalVenue
from tests.venue.model import Order, Refused
from tests.venue.played import PlayedMarket

# `Any` in this module: it reads JSON

_KINDS: Final = ("public", "private")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Obeys lines of a verb and what it is about.

    `truth`; `faults LIST` of rules; `calm`, which ends them all; `drop [public|private]`
    websockets; `restart [SECS]` the venue, away for so long; `manual WISH` and `cancel ORDER_ID`
    as a person would at the venue; `others WISH`, a trade that the account has no part in.
    """

    venue: LocalVenue
    market: PlayedMarket

    def answer(self, line: str) -> Row:
        """Do what a line says; an answer with `error` means that nothing was done."""
        verb, _, rest = line.strip().partition(" ")
        verbs: Mapping[str, Callable[[str], Row]] = {
            "truth": self._truth,
            "faults": self._faults,
            "calm": self._calm,
            "drop": self._drop,
            "restart": self._restart,
            "manual": self._manual,
            "cancel": self._cancel,
            "others": self._others,
        }
        if verb not in verbs:
            return {"error": f"the line must begin with {', '.join(verbs)}, was {line.strip()!r}"}
        try:
            return verbs[verb](rest.strip())
        except Refused as e:
            return {"error": f"the exchange refused: {e}", "refusal": e.refusal.name}
        except (ValueError, TypeError) as e:
            return {"error": f"{verb}: {e}"}

    def truth(self) -> Row:
        """Tell the ledger, how far the market has come, and what went wrong by plan or not."""
        return {
            **self.venue.call(truth_row),
            "market": self.venue.call(lambda _: self._progress()),
            "faults": [
                {"secs": each.secs, "kind": each.kind.value, "target": each.target}
                for each in self.venue.faults.log
            ],
            "errors": [f"{type(e).__name__}: {e}" for e in self.venue.errors],
        }

    def _progress(self) -> Row:
        progress = self.market.progress
        return {
            "start_ms": progress.start_ms,
            "index": progress.index,
            "trades": progress.trades,
            "late": progress.late,
            "worst_late_ms": progress.worst_late_ms,
            "is_over": progress.is_over,
        }

    def _truth(self, rest: str) -> Row:
        _nothing(rest)
        return self.truth()

    def _faults(self, rest: str) -> Row:
        rows: Any = json.loads(rest)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError(f"faults must be a JSON list of objects, was {rest!r}")
        faults = parse_faults(rows)
        self.venue.faults.add(*faults)
        return {"added": len(faults)}

    def _calm(self, rest: str) -> Row:
        _nothing(rest)
        self.venue.faults.clear()
        return {"calm": True}

    def _drop(self, rest: str) -> Row:
        if rest and rest not in _KINDS:
            raise ValueError(f"what is dropped must be {' or '.join(_KINDS)}, was {rest!r}")
        return {"dropped": self.venue.drop(rest or None)}

    def _restart(self, rest: str) -> Row:
        secs = float(rest or 0)
        if not 0 <= secs < inf:
            raise ValueError(f"the time away must be 0 s or more, was {rest!r}")
        self.venue.restart(secs)
        return {"away_secs": secs}

    def _manual(self, rest: str) -> Row:
        wish = _wish("a manual trade", rest)
        return self._order(self.venue.call(lambda exchange: trade_by_hand(exchange, wish)))

    def _others(self, rest: str) -> Row:
        wish = _wish("a trade of others", rest)
        return {"trade": self.venue.call(lambda exchange: trade_by_others(exchange, wish))}

    def _cancel(self, rest: str) -> Row:
        return self._order(self.venue.call(lambda exchange: exchange.cancel(rest)))

    def _order(self, order: Order) -> Row:
        def told(exchange: Any) -> Row:
            return order_row(exchange, order, exchange.fills(order_id=order.order_id))

        return {"order": self.venue.call(told)}


def _wish(what: str, rest: str) -> dict[str, Any]:
    wish: Any = json.loads(rest)
    if not isinstance(wish, dict):
        raise TypeError(f"{what} must be a JSON object, was {rest!r}")
    return wish


def _nothing(rest: str) -> None:
    if rest:
        raise ValueError(f"nothing may follow, was {rest!r}")
