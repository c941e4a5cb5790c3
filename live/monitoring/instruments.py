"""Every metric of a node, declared once: name, help text and labels."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Instruments"]

_ORDER_SECS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LLM_SECS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0)


class Instruments:
    """The metrics on a registry of their own; money is in the account's currency."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._declare_account()
        self._declare_trading()
        self._declare_supervision()
        self._declare_safety()
        self._declare_outside()
        ProcessCollector(namespace="morningstar", registry=registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"morningstar_{name}", told, labels, registry=self._registry)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"morningstar_{name}", told, labels, registry=self._registry)

    def _histogram(
        self, name: str, told: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        full = f"morningstar_{name}"
        return Histogram(full, told, labels, registry=self._registry, buckets=buckets)

    def _declare_account(self) -> None:
        gauge = self._gauge
        self.equity = gauge("equity", "Equity at the last mark, in the account's currency")
        self.balance = gauge("balance", "Equity without unrealized profit, at the last mark")
        self.drawdown = gauge("drawdown_ratio", "Drawdown at the last mark, fraction of the peak")
        self.exposure = gauge("exposure", "Signed notional held at the last mark", "instrument")
        self.risk = gauge("account_risk", "1 for the level at which the account stands", "level")
        self.marked = gauge("equity_mark_timestamp_seconds", "When the equity was last marked")
        self.fees = gauge("fees", "Fees paid less rebates since the start")
        self.funding = gauge("funding", "Funding received less paid since the start")
        self.pnl = gauge("plans_pnl", "Profit after fees of the plans ended since the start")

    def _declare_trading(self) -> None:
        gauge, counter = self._gauge, self._counter
        self.positions = gauge("positions_open", "Instruments on which a position is held")
        self.pending = gauge("plans_pending", "Plans that wait for their entry")
        self.plans = counter("plans", "Plans by the state that they came into", "state")
        self.rulings = counter(
            "rulings", "Commands by what the gate said, with its rule", "action", "ruling", "rule"
        )
        self.orders = counter("order_events", "Events of orders", "event", "role")
        self.fills = counter("fills", "Fills", "role", "liquidity")
        self.order_secs = self._histogram(
            "order_latency_seconds",
            "From the command to a stage of its order: sent, accepted",
            _ORDER_SECS,
            "stage",
        )

    def _declare_supervision(self) -> None:
        counter = self._counter
        self.llm_cost = counter("llm_cost_usd", "Cost of language models, US dollars", "model")
        self.llm_tokens = counter("llm_tokens", "Tokens sent and received", "model", "direction")
        self.llm_exchanges = counter("llm_exchanges", "Questions by what came", "model", "outcome")
        self.llm_secs = self._histogram(
            "llm_latency_seconds", "Time to an answer or a failure", _LLM_SECS
        )
        self.reviews = counter("reviews", "Reviews by purpose and verdict", "purpose", "verdict")

    def _declare_safety(self) -> None:
        gauge, counter = self._gauge, self._counter
        self.unprotected = gauge(
            "unprotected_now_seconds", "How long there has been no working stop", "instrument"
        )
        self.unprotected_longest = gauge(
            "unprotected_longest_seconds", "The longest time without a stop so far", "instrument"
        )
        self.unprotected_total = counter(
            "unprotected_seconds", "All the time without a working stop", "instrument"
        )
        self.halted = gauge("halted", "1 while the risk limits allow no new risk")
        self.hindrance = gauge("hindrance", "1 for what now keeps from new risk", "hindrance")
        self.notices = counter("notices", "Records about the run itself, by state", "state")
        self.faults = gauge("faults", "Exceptions of callbacks since the start")

    def _declare_outside(self) -> None:
        gauge, counter = self._gauge, self._counter
        self.data_age = gauge("data_age_seconds", "Age of the last data", "instrument")
        self.api_errors = counter("api_errors", "Errors of calls to a venue", "venue", "kind")
        self.state = gauge("node_state", "1 for the state that the node is in", "state")
        self.healthy = gauge("healthy", "1 while the node does its work")
        self.takes_new_risk = gauge("takes_new_risk", "1 while a new trade may be opened")
        self.heartbeat_age = gauge(
            "heartbeat_age_seconds", "How long the engine's thread has not beaten"
        )
        self.alerts = counter("alerts", "Messages by what became of them", "channel", "outcome")
        self.own_failures = counter(
            "monitoring_failures", "Records that monitoring could not take", "part"
        )
