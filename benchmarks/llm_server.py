"""The tests' LLM server in a process of its own, answering every question after so many seconds.

`python -m benchmarks.llm_server REPLY_SECS` prints its address and serves until its input ends.
"""

import sys
from typing import Final

from tests.llm.answers import Say
from tests.llm.server import LlmServer

REPLY: Final = '{"command": {"action": "DO_NOTHING", "reasoning": "nothing speaks for it"}}'


def main(reply_secs: float) -> None:
    """Serve."""
    with LlmServer(Say(text=REPLY, after_secs=reply_secs)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(float(sys.argv[1]))
