"""Which of our modules make threads: none of them knows the engine, but the one way to wait."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_MAKES: Final = re.compile(
    r"threading\.(Thread|Timer)\(|Thread(ing)?Mixin\b|ThreadingMixIn|ThreadPoolExecutor\("
    r"|run_in_executor\(|to_thread\(|run_coroutine_threadsafe\("
)
_KNOWN: Final = {
    "live/monitoring/alerter.py",  # sends alerts
    "live/monitoring/outbox.py",  # one channel's queue
    "live/monitoring/posting.py",  # ends a request that hangs
    "live/monitoring/server.py",  # answers visitors
    "morningstar_strategy/actors/ways.py",  # asks a supervisor; hands its answer to the loop
    "morningstar_strategy/database/journal.py",  # writes the journal
    "morningstar_strategy/model/forecasts.py",  # forecasts of whole histories, side by side
    "morningstar_strategy/supervisor/feeds.py",  # polls sources outside
    "morningstar_strategy/supervisor/fetching.py",  # one request of such a source
    "morningstar_strategy/supervisor/client.py",  # an event loop for providers
}
_MAY_KNOW_THE_ENGINE: Final = {"morningstar_strategy/actors/ways.py"}


def makers() -> dict[str, str]:
    files = [*ROOT.glob("live/**/*.py"), *ROOT.glob("morningstar_strategy/**/*.py")]
    texts = {f"{file.relative_to(ROOT)}": file.read_text(encoding="utf-8") for file in files}
    return {name: text for name, text in texts.items() if _MAKES.search(text)}


def test_only_known_modules_make_threads() -> None:
    assert set(makers()) == _KNOWN


def test_no_module_that_makes_threads_imports_the_engine() -> None:
    knows = {name for name, text in makers().items() if "nautilus_trader" in text}
    assert knows <= _MAY_KNOW_THE_ENGINE
