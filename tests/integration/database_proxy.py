"""A line to a server that can be cut just when a commit was done and nobody has heard of it yet."""

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_BLOCK: Final = 1 << 16
_COMMIT: Final = b"COMMIT"


class CuttingProxy:
    """Carries bytes to a server on loopback; `cut` bids it to lose the answer to a commit."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._lines: list[threading.Thread] = []
        self._ended = threading.Event()
        self._armed = threading.Event()
        self.cuts = 0

    @property
    def port(self) -> int:
        """Give the port to connect to."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._thread, *self._lines):
            thread.join(10.0)

    def cut(self) -> None:
        """Lose the answer to the next commit, and the line with it."""
        self._armed.set()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:  # it was closed
                return
            line = threading.Thread(target=self._carry, args=(ours,), daemon=True)
            self._lines.append(line)
            line.start()

    def _carry(self, ours: socket.socket) -> None:
        with ours, suppress(OSError), socket.create_connection(self._server) as theirs:
            while not self._ended.is_set():
                ready, _, _ = select.select([ours, theirs], [], [], 0.05)
                for side in ready:
                    content = side.recv(_BLOCK)
                    if not content:
                        return
                    (theirs if side is ours else ours).sendall(content)
                    if side is ours and _COMMIT in content and self._armed.is_set():
                        self._armed.clear()
                        theirs.recv(_BLOCK)  # it is done, and nobody shall hear of it
                        self.cuts += 1
                        return
