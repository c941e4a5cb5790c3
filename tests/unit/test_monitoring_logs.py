"""No secret is ever in a log, however it comes in."""

import base64
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.monitoring.logs import JsonFormatter, setup
from live.monitoring.masking import MASK, Masker, secrets_of

CANARY = "c4n/ry+S3cret=%value&x"
PHRASE = 'pa"ss \\phrase\u00e9'
PEM = (
    "-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n"
    "AwEHBG0wawIBAQQgx0x0x0x0x0\n-----END KEY-----"
)
ENVIRON = {
    "BITGET_API_KEY": CANARY,
    "KUCOIN_PASSPHRASE": PHRASE,
    "COINBASE_PRIVATE_KEY": PEM,
    "TELEGRAM_TOKEN": "123456789:AAH-canary_token",
    "NUMERIC_TOKEN": "8812345678",
    "HOME": "/somewhere/visible",
}
SECRETS = [value for name, value in ENVIRON.items() if name != "HOME"]


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "node.log"


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Log in the test itself: the handlers of pytest come after its fixtures."""
    with setup(level="DEBUG", path=path, secrets=("registered-secret",), environ=ENVIRON):
        yield


def fail(text: object) -> NoReturn:
    raise RuntimeError(text)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def assert_clean(text: str) -> None:
    for secret in SECRETS:
        for part in (secret, *secret.splitlines()[1:-1]):
            assert part not in text
            assert json.dumps(part)[1:-1] not in text
            assert repr(part)[1:-1] not in text
            assert quote(part, safe="") not in text
            assert quote_plus(part) not in text
            assert base64.b64encode(part.encode()).decode().rstrip("=") not in text


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40)


@given(secrets, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_inside_base64_is_found_wherever_it_begins(
    secret: str, before: bytes, after: bytes
) -> None:
    masker = Masker((secret,))
    for coded in (base64.b64encode, base64.urlsafe_b64encode):
        text = masker.mask(coded(before + secret.encode() + after).decode())
        assert MASK in text
        # At most the bits beside its two ends are left of it
        kept = len(text.replace(MASK, "").rstrip("="))
        assert kept <= -(-(len(before) + len(after)) * 8 // 6) + 2


@given(secrets, st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_masked_in_every_spelling(secret: str, before: str, after: str) -> None:
    masker = Masker((secret,))
    shapes = (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    )
    for shape in shapes:
        assert shape not in masker.mask(f"{before} {shape} {after}").replace(MASK, "")
        assert MASK in masker.mask(f"{before} {shape} {after}")


@given(st.text(max_size=200))
def test_without_secrets_nothing_changes(text: str) -> None:
    assert Masker().mask(text) == text


@settings(max_examples=50)
@given(st.recursive(st.one_of(st.none(), st.booleans(), st.floats(), st.text()), st.lists))
def test_every_line_is_one_object_of_json(extra: Any) -> None:
    record = logging.makeLogRecord({"msg": "a\nb", "levelname": "INFO", "given": extra})
    line = JsonFormatter(Masker()).format(record)
    assert "\n" not in line
    assert json.loads(line, parse_constant=pytest.fail)["message"] == "a\nb"


class Rude:
    """Shows a secret when it is shown."""

    def __repr__(self) -> str:
        return f"Rude(key={CANARY!r})"


class Broken:
    """Cannot be shown at all, and says a secret instead."""

    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    __repr__ = __str__


def log_everywhere(secret: str) -> None:
    """Write twelve lines that hold a secret."""
    log = logging.getLogger("somewhere")
    log.info("plain %s", secret)
    log.info("in a url https://x/?%s", urlencode({"key": secret}))
    log.info(f"quoted {quote(secret, safe='')} and {quote(secret, safe='').lower()}")
    log.info("basic %s", base64.b64encode(f"user:{secret}".encode()).decode())
    log.info("nested %s", {"a": [{"b": (secret, Rude())}]})
    log.info("dictionary %(key)s", {"key": secret})
    log.info("extra", extra={"headers": {secret: [secret]}, "raw": secret.encode()})
    log.info(secret, "with too", "many arguments")
    log.info("bad format %d", secret)
    log.info("broken %s", Broken())
    log.info("stack", stack_info=True, extra={"thing": Broken(), "rude": Rude()})
    try:
        try:
            fail(f"inner {secret}")
        except RuntimeError as e:
            raise ValueError({"url": f"https://x/{quote(secret)}"}) from e
    except ValueError:
        log.exception("failed with %r", secret)


def test_no_secret_gets_into_the_log(log_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(log_path):
        for secret in [*SECRETS, "registered-secret"]:
            log_everywhere(secret)
        logging.getLogger("somewhere").info("a number", extra={"number": 8812345678})
    text = log_path.read_text(encoding="utf-8")
    assert_clean(text)
    assert "registered-secret" not in text
    assert len(lines(log_path)) == 12 * 6 + 1
    without = [line for line in text.splitlines() if MASK not in line]
    assert len(without) == 6  # of the argument that could not be shown at all
    assert all("cannot be shown: RuntimeError" in line for line in without)
    shown = capsys.readouterr()
    assert_clean(shown.out + shown.err)


def test_what_nobody_caught_comes_into_the_log_masked(
    log_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(log_path):
        thread = threading.Thread(target=fail, args=(f"thread with {CANARY}",), name="worker")
        thread.start()
        thread.join(5)
        error = RuntimeError(f"main with {CANARY}")
        sys.excepthook(RuntimeError, error, None)
    told = lines(log_path)
    assert [line["level"] for line in told] == ["CRITICAL", "CRITICAL"]
    assert "Thread worker ended by an error" in told[0]["message"]
    assert "RuntimeError: thread with ***" in told[0]["error"]
    assert "RuntimeError: main with ***" in told[1]["error"]
    assert_clean(log_path.read_text(encoding="utf-8") + capsys.readouterr().err)


def test_a_secret_that_is_learnt_later_is_masked_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with setup(path=path, environ={}) as masker:
        masker.add("late-secret")
        logging.getLogger("x").info("late-secret")
        assert "late-secret" not in f"{masker!r}"
    assert lines(path)[0]["message"] == MASK


def test_what_is_no_secret_stays(log_path: Path) -> None:
    extra = {"instrument": "BTC", "n": 1.5}
    with logging_to(log_path):
        logging.getLogger("x").warning("home %s", ENVIRON["HOME"], extra=extra)
    (line,) = lines(log_path)
    assert line["message"] == "home /somewhere/visible"
    assert line["extra"] == {"instrument": "BTC", "n": 1.5}
    assert (line["level"], line["logger"]) == ("WARNING", "x")
    assert line["ts_ns"] > 1_700_000_000 * 10**9


def test_a_full_file_makes_room_for_another_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with setup(path=path, environ={}, max_bytes=2_000, files=2):
        for number in range(100):
            logging.getLogger("x").info("line %d", number)
    found = sorted(each.name for each in tmp_path.iterdir())
    assert found == ["a.log", "a.log.1", "a.log.2"]
    assert all(each.stat().st_size <= 2_000 for each in tmp_path.iterdir())
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}


def test_a_line_that_cannot_be_written_is_told_without_its_content(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, f"No space left for {text}")

    with setup(environ=ENVIRON):
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(Full())
        logging.getLogger("x").error("key %s", CANARY)
    assert capsys.readouterr().err == "a log line of x is lost: OSError\n"


def test_the_end_leaves_logging_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    with setup(path=tmp_path / "a.log", environ={}, level="ERROR"):
        assert root.level == logging.ERROR
    assert (root.handlers[:], root.level, sys.excepthook, threading.excepthook) == before


def test_an_unknown_level_is_refused() -> None:
    told = "level must be DEBUG, INFO, WARNING or ERROR, was 'LOUD'"
    with pytest.raises(ValueError, match=told), setup(level="LOUD", environ={}):
        pass


def test_only_names_of_secrets_are_secret() -> None:
    assert set(secrets_of(ENVIRON)) == set(SECRETS)
    assert secrets_of({"telegram_token": "x", "KEYBOARD": "y", "SECRETARY": "z"}) == ("x",)
