"""Opens all that watches a node, for as long as it runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random

from live.monitoring.alerter import Alerter
from live.monitoring.channels import open_channels, pinger
from live.monitoring.health import HealthBoard
from live.monitoring.masking import Masker, secrets_of
from live.monitoring.metrics import Metrics
from live.monitoring.server import MonitoringServer
from morningstar_strategy.settings.monitoring import MonitoringPolicy

__all__ = ["Monitoring", "open_monitoring"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What watches a node; `url` is where it can be looked at."""

    policy: MonitoringPolicy
    metrics: Metrics
    board: HealthBoard
    alerter: Alerter
    url: str


@contextmanager
def open_monitoring(
    policy: MonitoringPolicy,
    *,
    environ: Mapping[str, str],
    now_ns: Callable[[], int],
    monotonic_ns: Callable[[], int],
    rng: Random,
    masker: Masker | None = None,
) -> Iterator[Monitoring]:
    """Listen for visitors and tell people until the block ends; what is queued is sent at its end.

    No page and no message shows what `masker` knows, by default the secrets of `environ`.
    Raises ValueError for a variable of the environment that is missing or wrong, and ServerError
    where the port is taken.
    """
    mask = (Masker(secrets_of(environ)) if masker is None else masker).mask
    metrics = Metrics(now_ns=now_ns)
    board = HealthBoard(
        heartbeat_secs=policy.heartbeat_secs,
        patience_secs=policy.patience_secs,
        now_ns=now_ns,
        monotonic_ns=monotonic_ns,
    )
    metrics.watch(board)
    alerter = Alerter(
        channels=open_channels(policy.alerts, environ=environ),
        policy=policy.alerts,
        count=metrics.count_message,
        alive=lambda: f"alive and {board.look().state.value}, {metrics.standing()}",
        trouble=lambda: board.look().trouble,
        ping=pinger(policy.alerts, environ=environ),
        now_ns=now_ns,
        monotonic_ns=monotonic_ns,
        rng=rng,
        mask=mask,
    )
    with ExitStack() as stack:
        server = MonitoringServer(
            registry=metrics.registry,
            look=board.look,
            host=policy.host,
            port=policy.port,
            expose=policy.expose,
            mask=mask,
        )
        url = stack.enter_context(server).url
        stack.enter_context(alerter)
        yield Monitoring(policy=policy, metrics=metrics, board=board, alerter=alerter, url=url)
