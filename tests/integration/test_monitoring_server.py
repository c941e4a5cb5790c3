"""The server shows what there is, to this machine only, and never hangs."""

import http.client
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from live.monitoring.health import HealthBoard, NodeState
from live.monitoring.masking import Masker
from live.monitoring.metrics import Metrics
from live.monitoring.opening import open_monitoring
from live.monitoring.server import MonitoringServer, ServerError
from morningstar_strategy.settings.monitoring import MonitoringPolicy
from tests.acceptance.conftest import commands_of

ROOT = Path(__file__).parents[2]


def ask(
    server: MonitoringServer,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str, dict[str, str]]:
    """Ask over a real line; give status, body and headers."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode(), dict(response.headers.items())
    finally:
        connection.close()


class Rig:
    def __init__(self) -> None:
        self.ahead_ns = 0
        self.metrics = Metrics(now_ns=time.time_ns)
        self.board = HealthBoard(
            heartbeat_secs=5, patience_secs=60, now_ns=time.time_ns, monotonic_ns=self.monotonic_ns
        )
        self.metrics.watch(self.board)

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() + self.ahead_ns

    @contextmanager
    def serving(self, **changes: Any) -> Iterator[MonitoringServer]:
        with MonitoringServer(
            registry=self.metrics.registry, look=self.board.look, **changes
        ) as server:
            yield server


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_metrics_are_read_as_prometheus_reads_them(rig: Rig) -> None:
    rig.metrics.count_error("throttled", "BITGET")
    with rig.serving() as server:
        status, text, headers = ask(server, "/metrics")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain")
        found = {family.name: family for family in text_string_to_metric_families(text)}
        (sample,) = (s for s in found["morningstar_api_errors"].samples if s.name.endswith("total"))
        assert (sample.labels, sample.value) == ({"venue": "BITGET", "kind": "throttled"}, 1)
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        _, text, _ = ask(server, "/metrics", headers=accept)
        assert "morningstar_equity" in {family.name for family in open_metrics(text)}  # type: ignore[no-untyped-call]  # the library's


def test_health_is_200_until_the_engines_thread_falls_silent(rig: Rig) -> None:
    rig.board.enter(NodeState.TRADING)
    with rig.serving() as server:
        status, text, headers = ask(server, "/health")
        assert (status, json.loads(text)["takes_new_risk"]) == (200, True)
        assert headers["Content-Type"] == "application/json"
        rig.ahead_ns = 6_000_000_000
        status, text, _ = ask(server, "/health")
        told = json.loads(text)
        assert (status, told["healthy"], told["state"]) == (503, False, "trading")
        assert told["heartbeat_age_secs"] > told["heartbeat_limit_secs"] == 5
        rig.board.beat()
        assert ask(server, "/health")[0] == 200


def test_a_halt_is_healthy_and_says_why_there_is_no_new_risk(rig: Rig) -> None:
    rig.board.enter(NodeState.HALTED, "by hand")
    rig.board.hinder({"halt": "by hand"})
    with rig.serving() as server:
        status, text, _ = ask(server, "/health")
    told = json.loads(text)
    assert (status, told["state"], told["takes_new_risk"]) == (200, "halted", False)
    assert told["hindrances"] == {"halt": "by hand"}


def test_a_failure_is_503_with_its_reason(rig: Rig) -> None:
    rig.board.enter(NodeState.FAILED, "no answer from the venue")
    with rig.serving() as server:
        status, text, _ = ask(server, "/health")
    assert (status, json.loads(text)["reason"]) == (503, "no answer from the venue")


def test_no_secret_is_in_a_reason(rig: Rig) -> None:
    secret = 'ke"y/of\\venue'
    rig.board.enter(NodeState.FAILED, f"signed with {secret}")
    rig.board.hinder({"keys": secret})
    with rig.serving(mask=Masker((secret,)).mask) as server:
        _, text, _ = ask(server, "/health")
    told = json.loads(text)
    assert (told["reason"], told["hindrances"]) == ("signed with ***", {"keys": "***"})


def test_the_index_names_the_pages_and_nothing_else_is_there(rig: Rig) -> None:
    with rig.serving() as server:
        status, text, _ = ask(server, "/")
        assert status == 200
        assert "/metrics" in text
        assert "/health" in text
        assert ask(server, "/admin")[0] == 404
        assert ask(server, "/../../etc/passwd")[0] == 404
        for method in ("POST", "PUT", "DELETE", "HEAD"):
            assert ask(server, "/health", method=method)[0] == 405


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "10.0.0.1", "[::2]:80", ""])
def test_a_page_of_a_stranger_cannot_read_through_a_name_of_its_own(rig: Rig, host: str) -> None:
    with rig.serving() as server:
        assert ask(server, "/metrics", headers={"Host": host})[0] == 403
    with rig.serving(expose=True) as server:
        assert ask(server, "/metrics", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
def test_a_host_that_others_reach_is_refused_unless_exposed(rig: Rig, host: str) -> None:
    with pytest.raises(ValueError, match=f"loopback, was {host}"), rig.serving(host=host):
        pass


def test_it_listens_on_every_address_where_it_is_exposed(rig: Rig) -> None:
    with rig.serving(host="0.0.0.0", expose=True) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
            line.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.0 200")


def test_it_listens_on_the_loopback_of_the_newer_protocol(rig: Rig) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
    with rig.serving(host="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert ask(server, "/health")[0] == 200


def test_a_port_in_use_is_one_clear_sentence(rig: Rig) -> None:
    with rig.serving() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ServerError) as raised, rig.serving(port=port):
            pass
    assert f"{raised.value}" == (
        f"port {port} on 127.0.0.1 is in use: set monitoring.port to another, or 0 for any"
    )


def test_it_is_gone_after_its_end_and_can_listen_there_again(rig: Rig) -> None:
    with rig.serving() as server:
        port = int(server.url.rpartition(":")[2])
        ask(server, "/health")
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
    with rig.serving(port=port) as server:
        assert ask(server, "/health")[0] == 200
    assert "monitoring" not in {thread.name for thread in threading.enumerate()}


def test_visitors_who_say_nothing_hold_nobody_up(rig: Rig) -> None:
    with rig.serving() as server:
        port = int(server.url.rpartition(":")[2])
        silent = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(20)]
        assert ask(server, "/health")[0] == 200
        for line in silent:
            line.close()


def test_what_cannot_be_shown_is_an_error_for_the_visitor_only(
    rig: Rig, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(CollectorRegistry):
        def collect(self) -> Any:
            raise RuntimeError("broken")

    with MonitoringServer(registry=Broken(), look=rig.board.look) as server:
        assert ask(server, "/metrics")[0] == 500
        assert ask(server, "/health")[0] == 200
    assert "/metrics cannot be shown" in caplog.text
    assert capsys.readouterr().err == ""


def test_scrapes_and_records_of_two_threads_do_not_disturb_each_other(rig: Rig) -> None:
    done = threading.Event()
    errors: list[BaseException] = []

    def feed() -> None:
        number = 0
        try:
            while not done.is_set():
                number += 1
                rig.metrics.see_data(f"I{number % 500}", number)
                rig.metrics.set_unprotected(f"I{number % 500}", number % 7)
                rig.board.beat()
        except BaseException as e:
            errors.append(e)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        with rig.serving() as server:
            statuses = [ask(server, "/metrics")[0] for _ in range(10)]
    finally:
        done.set()
        thread.join(10)
    assert statuses == [200] * 10
    assert errors == []


def test_the_commands_of_the_page_show_what_the_page_says(rig: Rig) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    shown: dict[str, str] = {}
    with rig.serving() as server:
        for command in commands_of(page):
            if command.startswith("curl "):
                typed = shlex.split(command.replace("http://127.0.0.1:9464", server.url))
                done = subprocess.run(typed, capture_output=True, text=True, timeout=60, check=True)
                shown[command.rpartition("/")[2]] = done.stdout
    assert json.loads(shown["health"])["state"] == "starting"
    assert "# HELP morningstar_equity" in shown["metrics"]


def test_a_container_is_healthy_exactly_while_its_node_is(rig: Rig) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (told,) = re.findall(r"HEALTHCHECK .*?CMD (\[.*?\])\n", text, flags=re.S)
    _, *arguments = json.loads(told)

    def healthy(port: int) -> bool:
        typed = [each.replace("9464", f"{port}") for each in arguments]
        command = [sys.executable, *typed]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    with rig.serving() as server:
        port = int(server.url.rpartition(":")[2])
        assert healthy(port)
        rig.board.enter(NodeState.FAILED, "for the test")
        assert not healthy(port)
    assert not healthy(port)


def test_all_of_it_opens_and_closes_together() -> None:
    policy = MonitoringPolicy(port=0)
    clocks: dict[str, Any] = {"now_ns": time.time_ns, "monotonic_ns": time.monotonic_ns}
    before = threading.active_count()
    with open_monitoring(policy, environ={}, rng=Random(1), **clocks) as monitoring:
        connection = http.client.HTTPConnection(monitoring.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read())["state"] == "starting"
        connection.close()
    assert threading.active_count() == before
