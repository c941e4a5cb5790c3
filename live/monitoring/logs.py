"""Logs as one JSON object a line, without any secret."""

import contextlib
import json
import logging
import math
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from live.monitoring.masking import Masker, secrets_of

__all__ = ["JsonFormatter", "setup"]

# `Any` in this module: extra fields of a log record are whatever a library put there

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({})))
_DEEPEST: Final = 6
_LONGEST: Final = 20_000  # characters of one text
_FILE_BYTES: Final = 20_000_000
_FILES: Final = 5


class JsonFormatter(logging.Formatter):
    """Writes a log record as a line of JSON; every text in it is masked."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._masker = masker

    def format(self, record: logging.LogRecord) -> str:
        """Give the line of a record, without its end."""
        line: dict[str, Any] = {
            "ts_ns": round(record.created * 1_000_000) * 1_000,
            "level": record.levelname,
            "logger": record.name,
            "thread": record.threadName,
            "message": _message(record),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        elif record.exc_text:
            line["error"] = record.exc_text
        if record.stack_info:
            line["stack"] = record.stack_info
        extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        extra.pop("message", None)
        extra.pop("asctime", None)
        if extra:
            line["extra"] = extra
        return json.dumps(self._clean(line, 0), ensure_ascii=False, separators=(",", ":"))

    def _clean(self, value: Any, depth: int) -> Any:
        match value:
            case None | bool():
                return value
            case int() | float():
                text = f"{value}"  # a secret may be all digits
                return self._masked(text) if self._masked(text) != text else _finite(value)
            case Mapping() if depth < _DEEPEST:
                return {
                    self._masked(_shown(key)): self._clean(below, depth + 1)
                    for key, below in value.items()
                }
            case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
                return [self._clean(item, depth + 1) for item in value]
            case _:
                return self._masked(_shown(value))

    def _masked(self, text: str) -> str:
        # Masked before it is cut: a half of a secret would no longer be known for one
        return self._masker.mask(text)[:_LONGEST]


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else f"{value}"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as e:  # a faulty log call, or an argument that cannot be shown
        return f"{record.msg!s} (args {_shown(record.args)} do not fit: {type(e).__name__})"


def _shown(value: object) -> str:
    try:
        return value if isinstance(value, str) else str(value)
    except Exception as e:  # a log line must not fail for what it tells of
        return f"<{type(value).__name__} cannot be shown: {type(e).__name__}>"


class _Patient(logging.Handler):
    """What our handlers share: a line that cannot be written is said without its content."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """Say on stderr that a line is lost; the library's own would show its arguments."""
        error = sys.exception()
        with contextlib.suppress(OSError, ValueError):  # stderr may be gone as well
            sys.stderr.write(f"a log line of {record.name} is lost: {type(error).__name__}\n")


class _Stderr(_Patient, logging.StreamHandler[IO[str]]):
    """Writes to stderr."""


class _File(_Patient, RotatingFileHandler):
    """Writes to a file that only its owner reads, and begins another when it is full."""

    def _open(self) -> Any:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8")


@contextlib.contextmanager
def setup(
    *,
    level: str = "INFO",
    path: Path | None = None,
    secrets: Iterable[str] = (),
    environ: Mapping[str, str],
    max_bytes: int = _FILE_BYTES,
    files: int = _FILES,
) -> Iterator[Masker]:
    """Send all logs to a file, or to stderr, as JSON without secrets until the block ends.

    Secrets are `secrets` and what `environ` holds under the names of secrets; the masker learns
    more. Errors that nobody caught, on any thread, come here as well.
    Raises ValueError for an unknown level.
    """
    if level not in logging.getLevelNamesMapping():
        raise ValueError(f"level must be DEBUG, INFO, WARNING or ERROR, was {level!r:.80}")
    masker = Masker((*secrets, *secrets_of(environ)))
    handler: logging.Handler = _Stderr(sys.stderr)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _File(path, maxBytes=max_bytes, backupCount=files, encoding="utf-8")
    handler.setFormatter(JsonFormatter(masker))
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    root.handlers[:], sys.excepthook = [handler], _tell_uncaught
    threading.excepthook = _tell_of_thread
    root.setLevel(level)
    logging.captureWarnings(True)
    try:
        yield masker
    finally:
        logging.captureWarnings(False)
        root.handlers[:], _, sys.excepthook, threading.excepthook = before
        root.setLevel(before[1])
        handler.close()


def _tell_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    del trace  # the error has it
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger("uncaught").critical("An error was caught by nobody", exc_info=error)


def _tell_of_thread(args: threading.ExceptHookArgs) -> None:
    name = "a thread" if args.thread is None else args.thread.name
    log = logging.getLogger("uncaught")
    log.critical("Thread %s ended by an error", name, exc_info=args.exc_value)
