"""Messages reach people through real sockets, and what goes wrong on the way."""

import logging
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from live.monitoring.alerter import Alerter
from live.monitoring.alerts import Alert, Cleared, Level, of_fault
from live.monitoring.channels import Channel, Telegram, Webhook, open_channels, pinger
from live.monitoring.dedupe import Message, Tone
from live.monitoring.masking import Masker
from live.monitoring.posting import Address, DeliveryError, address_of, ask
from morningstar_strategy.settings.monitoring import AlertPolicy
from tests.integration.alert_server import CHAT, TOKEN, AlertServer, Fault, alert_server

CANARY = "c4nary/key+of=venue"
SECRET_PATH = "/services/T000/very-secret-path"


def alert(key: str = "halted", level: Level = Level.CRITICAL, text: str = "Halted") -> Alert:
    return Alert(level=level, key=key, text=text, ts_event=5)


def environ(server: AlertServer) -> dict[str, str]:
    return {
        "MORNINGSTAR_WEBHOOK_URL": f"{server.url}{SECRET_PATH}",
        "MORNINGSTAR_TELEGRAM_TOKEN": TOKEN,
        "PING_URL": f"{server.url}/ping/very-secret-path",
    }


def policy_of(server: AlertServer, *channels: Any, **changes: Any) -> AlertPolicy:
    told: dict[str, Any] = {
        "channels": channels,
        "telegram_chat_id": CHAT,
        "telegram_base_url": server.url,
        "timeout_secs": 0.5,
    }
    return AlertPolicy(**(told | changes))


class Clock:
    """Goes on by itself, and further where a test says so."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def __call__(self) -> int:
        return time.monotonic_ns() + self.ahead_ns


@dataclass
class Rig:
    """An alerter under test with what it counts, and a node whose trouble the test says."""

    alerter: Alerter
    counts: Counter[tuple[str, str]]
    clock: Clock
    trouble: list[str] = field(default_factory=lambda: [""])


@contextmanager
def alerting(
    server: AlertServer,
    policy: AlertPolicy,
    *,
    pause_secs: float = 0.01,
    channels: tuple[Channel, ...] | None = None,
    flush_secs: float = 60.0,
) -> Iterator[Rig]:
    counts: Counter[tuple[str, str]] = Counter()
    clock, trouble = Clock(), [""]
    found = open_channels(policy, environ=environ(server)) if channels is None else channels
    alerter = Alerter(
        channels=found,
        policy=policy,
        count=lambda channel, outcome: counts.update([(channel, outcome)]),
        alive=lambda: "alive, equity 10123.45",
        trouble=lambda: trouble[0],
        ping=pinger(policy, environ=environ(server)),
        now_ns=lambda: 77,
        monotonic_ns=clock,
        rng=Random(7),
        mask=Masker((CANARY,)).mask,
        flush_secs=flush_secs,
        pause_secs=pause_secs,
    )
    with alerter:
        yield Rig(alerter=alerter, counts=counts, clock=clock, trouble=trouble)


def texts(server: AlertServer) -> list[str]:
    return [heard.told["text"] for heard in server.taken if heard.method == "POST"]


# ---------------------------------------------------------------- it arrives


def test_a_webhook_gets_an_object_with_all_that_is_known() -> None:
    with alert_server() as server:
        with alerting(server, policy_of(server, "webhook")) as rig:
            rig.alerter.tell(alert(text="Halted: drawdown"))
        (heard,) = server.taken
    assert (heard.method, heard.path) == ("POST", SECRET_PATH)
    assert heard.told == {
        "source": "morningstar",
        "text": "CRITICAL Halted: drawdown",
        "tone": "alert",
        "level": "critical",
        "key": "halted",
        "ts_event": 5,
        "more": 0,
        "lost": 0,
    }


def test_a_chat_of_telegram_gets_the_words_even_long_ones() -> None:
    with alert_server() as server:
        with alerting(server, policy_of(server, "telegram")) as rig:
            rig.alerter.tell(alert("a", text="Stop refused"))
            rig.alerter.tell(alert("b", text="é" * 9_000))
        assert texts(server)[0] == "CRITICAL Stop refused"
        assert len(texts(server)[1]) == 3_900
    assert rig.counts == {("telegram", "sent"): 2}


def test_the_log_hears_everything_and_the_others_what_matters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with alert_server() as server:
        with alerting(server, policy_of(server, "log", "webhook")) as rig:
            rig.alerter.tell(alert("a", Level.INFO, "Stopped out"))
            rig.alerter.tell(alert("b", Level.WARNING, "Model gone"))
        assert texts(server) == ["WARNING Model gone"]
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("INFO", "INFO Stopped out") in told
    assert ("WARNING", "WARNING Model gone") in told


def test_no_secret_of_ours_is_sent_to_anybody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with alert_server() as server:
        with alerting(server, policy_of(server, "webhook", "telegram", "log")) as rig:
            rig.alerter.tell(of_fault(ValueError(f"GET /?key={quote(CANARY)}"), ts_event=1))
            rig.alerter.tell(alert(f"key {CANARY}", text=f"Signed with {CANARY!r}"))
        sent = b" ".join(heard.body for heard in server.taken).decode()
    for text in (sent, caplog.text):
        assert CANARY not in text
        assert quote(CANARY) not in text
        assert text.count("***") >= 2


def test_a_repeat_is_counted_and_told_with_the_end_of_the_trouble() -> None:
    with alert_server() as server:
        with alerting(server, policy_of(server, "webhook")) as rig:
            for _ in range(4):
                rig.alerter.tell(alert())
            rig.alerter.tell(Cleared(key="halted", text="Released", ts_event=6))
            rig.alerter.tell(Cleared(key="unheard of", text="Nobody cares", ts_event=6))
        assert texts(server) == ["CRITICAL Halted", "CLEARED Released (3 more times)"]


def test_a_repeat_is_told_when_its_window_ends() -> None:
    with alert_server() as server:
        with alerting(server, policy_of(server, "webhook", dedupe_secs=60)) as rig:
            for _ in range(3):
                rig.alerter.tell(alert())
            server.until(lambda: server.taken, "the first")
            rig.clock.ahead_ns = 61_000_000_000
            server.until(lambda: len(server.taken) == 2, "the repeats")
        assert texts(server)[1] == "CRITICAL Halted (2 more times)"


def test_what_was_not_told_at_the_end_is_told_then() -> None:
    with alert_server() as server:
        with alerting(server, policy_of(server, "webhook")) as rig:
            for _ in range(3):
                rig.alerter.tell(alert())
        assert texts(server) == ["CRITICAL Halted", "CRITICAL Halted (2 more times)"]


def test_a_heartbeat_says_that_the_node_is_alive_whatever_the_level() -> None:
    with alert_server() as server:
        policy = policy_of(server, "telegram", min_level="critical", heartbeat_hours=4)
        with alerting(server, policy) as rig:
            rig.clock.ahead_ns = 4 * 3_600_000_000_000
            server.until(lambda: server.taken, "a heartbeat")
            rig.clock.ahead_ns *= 2
            server.until(lambda: len(server.taken) == 2, "another heartbeat")
        assert set(texts(server)) == {"HEARTBEAT alive, equity 10123.45"}


def test_a_node_that_is_stuck_is_told_of_by_the_alerters_own_thread() -> None:
    with alert_server() as server:
        with alerting(server, policy_of(server, "webhook")) as rig:
            rig.trouble[0] = "The engine's thread has not beaten for 20 s"
            server.until(lambda: server.taken, "the trouble")
            rig.trouble[0] = ""
            server.until(lambda: len(server.taken) == 2, "its end")
        assert texts(server) == [
            "CRITICAL The engine's thread has not beaten for 20 s",
            "CLEARED The node is well again",
        ]


def test_the_outside_watchdog_is_called_only_while_the_node_is_well() -> None:
    with alert_server(Fault(status=500)) as server:
        policy = policy_of(server, ping_url_env="PING_URL", ping_every_secs=1)
        with alerting(server, policy) as rig:
            server.until(lambda: server.taken, "the second ping")
            rig.trouble[0] = "stuck"
            seen = len(server.asked)
            with server.news:
                server.news.wait(1.5)
            assert len(server.asked) <= seen + 1  # one may have been under way
        assert {(heard.method, heard.path) for heard in server.asked} == {
            ("GET", "/ping/very-secret-path")
        }
    assert (rig.counts["ping", "failed"], rig.counts["ping", "sent"]) == (1, len(server.taken))


# ---------------------------------------------------------------- it goes wrong on the way


@pytest.mark.parametrize("channel", ["webhook", "telegram"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503),
        Fault(is_dropped=True),
        Fault(is_silent=True),
        Fault(status=429, retry_after=0),
    ],
    ids=lambda fault: f"{fault.status or fault.is_dropped or fault.is_silent}",
)
def test_a_message_is_tried_again_until_it_is_taken(channel: str, fault: Fault) -> None:
    with alert_server(fault, fault) as server:
        with alerting(server, policy_of(server, channel, timeout_secs=2)) as rig:
            rig.alerter.tell(alert())
            server.until(lambda: server.taken, "the third try")
        assert len(server.asked) == 3
        assert texts(server) == ["CRITICAL Halted"]
    assert rig.counts == {(channel, "repeated"): 2, (channel, "sent"): 1}


@pytest.mark.parametrize("channel", ["webhook", "telegram"])
def test_a_server_that_says_when_to_come_again_is_obeyed(channel: str) -> None:
    with alert_server(Fault(status=429, retry_after=1)) as server:
        with alerting(server, policy_of(server, channel)) as rig:
            rig.alerter.tell(alert())
            server.until(lambda: server.taken, "the second try")
        first, second = server.asked
    assert 1.0 <= second.at - first.at < 20.0


@pytest.mark.parametrize("channel", ["webhook", "telegram"])
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_repeated_and_the_next_message_tells_of_it(
    channel: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with alert_server(Fault(status=status)) as server:
        with alerting(server, policy_of(server, channel)) as rig:
            rig.alerter.tell(alert("a"))
            rig.alerter.tell(alert("b", text="Next"))
        assert texts(server) == ["CRITICAL Next (1 earlier messages were lost)"]
    assert rig.counts == {(channel, "failed"): 1, (channel, "sent"): 1}
    assert f"Messages to {channel} are not taken: answered {status}" in caplog.text
    assert TOKEN not in caplog.text


def test_a_redirect_is_not_followed() -> None:
    with alert_server() as other, alert_server() as server:
        server.faults = [Fault(status=307, location=f"{other.url}/elsewhere")]
        with alerting(server, policy_of(server, "webhook")) as rig:
            rig.alerter.tell(alert())
        assert other.asked == []
    assert rig.counts == {("webhook", "failed"): 1}


def test_a_chat_that_does_not_exist_is_named_by_the_api(caplog: pytest.LogCaptureFixture) -> None:
    with alert_server() as server:
        policy = policy_of(server, "telegram", telegram_chat_id="@nobody_here")
        with alerting(server, policy) as rig:
            rig.alerter.tell(alert())
    assert "answered 400: Bad Request: chat not found" in caplog.text
    assert rig.counts == {("telegram", "failed"): 1}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"ok":false}', b"[" * 20_000])
def test_a_success_that_telegram_did_not_say_is_none(body: bytes) -> None:
    with (
        alert_server(Fault(status=200, body=body)) as server,
        alerting(server, policy_of(server, "telegram")) as rig,
    ):
        rig.alerter.tell(alert())
        server.until(lambda: rig.counts, "an outcome")
    assert rig.counts["telegram", "failed"] + rig.counts["telegram", "repeated"] == 1


def test_a_server_that_is_not_there_is_given_up_after_some_tries(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as taken, alert_server() as server:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = address_of(f"http://127.0.0.1:{taken.getsockname()[1]}/x", named="it")
        channel = Webhook(address, min_level=Level.INFO, timeout_secs=1)
        policy = policy_of(server, attempts=3)
        with alerting(server, policy, channels=(channel,)) as rig:
            rig.alerter.tell(alert())
            server.until(lambda: rig.counts["webhook", "failed"], "the end of all tries")
    assert rig.counts == {("webhook", "repeated"): 2, ("webhook", "failed"): 1}
    assert "Messages to webhook are not taken: no answer: ConnectionRefusedError" in caplog.text


def test_a_channel_that_hangs_holds_nobody_up() -> None:
    with alert_server(*[Fault(is_silent=True)] * 50) as hanging, alert_server() as server:
        channels = (
            Webhook(
                address_of(f"{hanging.url}/x", named="it"), min_level=Level.INFO, timeout_secs=250
            ),
            *open_channels(policy_of(server, "telegram"), environ=environ(server)),
        )
        policy = policy_of(server, queue_size=3)
        with alerting(server, policy, channels=channels, flush_secs=2.0) as rig:
            began = time.monotonic()
            for number in range(10):
                rig.alerter.tell(alert(f"key {number}", text=f"Alert {number}"))
                server.until(lambda: len(server.taken) == number + 1, "telegram")  # noqa: B023
            assert time.monotonic() - began < 60
            assert rig.counts["webhook", "dropped"] == 10 - 3 - 1
        assert time.monotonic() - began < 90  # the end waits a little, not for ever


def test_telling_never_waits_and_drops_what_finds_no_place() -> None:
    gate = threading.Event()

    class Slow:
        name, min_level = "slow", Level.INFO

        def send(self, message: Message) -> None:
            gate.wait(60)

    def held() -> str:  # holds the alerter's own thread
        gate.wait(60)
        return ""

    counts: Counter[tuple[str, str]] = Counter()
    alerter = Alerter(
        channels=(Slow(),),
        policy=AlertPolicy(queue_size=5),
        count=lambda channel, outcome: counts.update([(channel, outcome)]),
        alive=str,
        trouble=held,
        ping=None,
        now_ns=time.time_ns,
        monotonic_ns=time.monotonic_ns,
        rng=Random(1),
        mask=str,
    )
    with alerter:
        began = time.monotonic()
        for number in range(1_000):
            alerter.tell(alert(f"{number}"))
        assert time.monotonic() - began < 30
        assert counts["all", "dropped"] >= 1_000 - 5 - 1
        gate.set()


def test_a_channel_with_a_fault_of_its_own_loses_a_message_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[Message] = []

    class Faulty:
        name, min_level = "faulty", Level.INFO

        def send(self, message: Message) -> None:
            if message.key == "a":
                raise KeyError(message.key)
            sent.append(message)

    with alert_server() as server:
        with alerting(server, policy_of(server), channels=(Faulty(),)) as rig:
            rig.alerter.tell(alert("a"))
            rig.alerter.tell(alert("b"))
        assert [(message.key, message.lost) for message in sent] == [("b", 1)]
    assert "Channel faulty failed" in caplog.text


# ---------------------------------------------------------------- the line itself


def at(url: str) -> Address:
    return address_of(url, named="it")


def test_no_proxy_of_the_environment_gets_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with alert_server() as proxy, alert_server() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert ask(at(f"{server.url}/x"), method="GET", timeout_secs=20).status == 200
        assert (len(proxy.asked), len(server.asked)) == (0, 1)


def test_a_silent_server_is_left_at_the_deadline() -> None:
    with alert_server(Fault(is_silent=True)) as server:
        began = time.monotonic()
        with pytest.raises(DeliveryError, match=r"no answer within 0.3 s"):
            ask(at(f"{server.url}/x"), method="GET", timeout_secs=0.3)
        assert time.monotonic() - began < 20


def test_a_server_that_drips_is_cut_off_at_the_deadline_and_its_status_counts() -> None:
    with alert_server(Fault(is_dripped=True)) as server:
        began = time.monotonic()
        answer = ask(at(f"{server.url}/x"), method="GET", timeout_secs=0.3)
        assert time.monotonic() - began < 20
    assert answer.status == 200  # it was taken: sent again it would be heard twice
    assert len(answer.body) < 1_000


def test_a_telegram_that_drips_has_not_said_ok() -> None:
    with (
        alert_server(Fault(is_dripped=True)) as server,
        alerting(server, policy_of(server, "telegram", timeout_secs=2)) as rig,
    ):
        rig.alerter.tell(alert())
        server.until(lambda: server.taken, "the second try")
    assert rig.counts == {("telegram", "repeated"): 1, ("telegram", "sent"): 1}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Make a certificate that nobody has reason to trust."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    told = [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    try:
        subprocess.run([*command, *told], check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    return key, cert


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_said(
    certificate: tuple[Path, Path],
) -> None:
    key, cert = certificate
    with alert_server() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http://127.0.0.1", "https://localhost")
        with pytest.raises(DeliveryError, match="the certificate is not trusted"):
            ask(at(url), method="POST", body=b"secret", timeout_secs=20)
        assert server.asked == []


def _shown(make: Callable[[], object]) -> str:
    with pytest.raises(DeliveryError) as raised:
        make()
    error: BaseException | None = raised.value
    assert error is not None
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return f"{error} {error!r} {error.args}"


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_no_error_shows_the_token(status: int) -> None:
    with alert_server(Fault(status=status, retry_after=3)) as server:
        bot = Telegram(
            base_url=server.url, token=TOKEN, chat_id=CHAT, min_level=Level.INFO, timeout_secs=20
        )
        message = Message(tone=Tone.ALERT, level=Level.INFO, key="k", text="t", ts_event=1)
        assert TOKEN not in _shown(lambda: bot.send(message))
        assert TOKEN not in f"{bot!r} {vars(bot)!r}"
        assert TOKEN in server.asked[0].path
