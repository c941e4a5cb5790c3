"""Get the whole of a list from a venue that gives it page by page, whichever end it begins at."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

# `Any` in this module: rows as ccxt gives them

type Page = Callable[[int | None, int | None], Awaitable[list[Any]]]

_MOST_PAGES: Final = 200


async def whole(page: Page, *, limit: int, since_ms: int | None = None) -> tuple[list[Any], bool]:
    """Collect all rows of a window, once each; the flag tells whether it is all of them.

    `page(since, until)` asks for one page, times in UNIX milliseconds, both ends included. A page
    shorter than `limit` is the end. Venues that begin at the newest leave out what is before the
    oldest row of a full page, the others what is after its newest: both sides are asked for.
    """
    found: dict[tuple[Any, Any], Any] = {}
    windows: list[tuple[int | None, int | None]] = [(since_ms, None)]
    is_whole, pages = True, 0
    while windows:
        if pages >= _MOST_PAGES:
            return list(found.values()), False
        since, until = windows.pop()
        rows = await page(since, until)
        pages += 1
        fresh = {_key(row): row for row in rows if _key(row) not in found}
        found |= fresh
        if len(rows) < limit:
            continue
        times = [row["timestamp"] for row in rows if isinstance(row.get("timestamp"), int)]
        if not times or not fresh or min(times) == max(times):
            is_whole = is_whole and bool(times) and min(times) != max(times)
            continue
        windows.append((since, min(times)))
        windows.append((max(times), until))
    return list(found.values()), is_whole


def _key(row: Any) -> tuple[Any, Any]:
    return row.get("id"), row.get("order")
