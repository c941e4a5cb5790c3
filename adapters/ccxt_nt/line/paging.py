"""Get the whole of a list from a venue that gives it page by page, whichever end it begins at."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from ccxt_nt.profiles import Paging

# `Any` in this module: rows as ccxt gives them

type Page = Callable[[int | None, int | None], Awaitable[list[Any]]]
type More = dict[str, object]
type Ask = Callable[[int | None, int | None, More], Awaitable[list[Any]]]  # since, limit, params

_MOST_PAGES: Final = 200
_DAY_MS: Final = 86_400_000


async def everything(
    ask: Ask, paging: Paging, *, limit: int, since_ms: int | None, now_ms: int
) -> tuple[list[Any], bool]:
    """Collect all rows in the venue's own way of paging; the flag is that of `whole`."""
    raws: list[Any] = []
    is_whole = True
    for since, until in windows(since_ms, now_ms=now_ms, days=paging.window_days):
        if paging.size_key is None:
            page = _page_by_time(ask, limit)
            some, is_all = await whole(page, limit=limit, since_ms=since, until_ms=until)
        else:
            numbered = _page_by_number(ask, paging, limit, since, until)
            some, is_all = await counted(numbered, limit=limit)
        raws += some
        is_whole = is_whole and is_all
    return list({_key(raw): raw for raw in raws}.values()), is_whole


async def whole(
    page: Page, *, limit: int, since_ms: int | None = None, until_ms: int | None = None
) -> tuple[list[Any], bool]:
    """Collect all rows of a window, once each; the flag tells whether it is all of them.

    `page(since, until)` asks for one page, times in UNIX milliseconds, both ends included. A page
    shorter than `limit` is the end. Venues that begin at the newest leave out what is before the
    oldest row of a full page, the others what is after its newest: both sides are asked for.
    """
    found: dict[tuple[Any, Any], Any] = {}
    windows: list[tuple[int | None, int | None]] = [(since_ms, until_ms)]
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
            # A full page with nothing new: the venue cares for no times, the rest stays unseen
            is_whole = False
            continue
        windows.append((since, min(times)))
        windows.append((max(times), until))
    return list(found.values()), is_whole


async def counted(
    page: Callable[[int], Awaitable[list[Any]]], *, limit: int
) -> tuple[list[Any], bool]:
    """Collect the rows of all pages, counted from 1, once each; the flag is that of `whole`."""
    found: dict[tuple[Any, Any], Any] = {}
    for number in range(1, _MOST_PAGES + 1):
        rows = await page(number)
        fresh = {_key(row): row for row in rows if _key(row) not in found}
        found |= fresh
        if len(rows) < limit:
            return list(found.values()), True
        if not fresh:
            break  # the venue does not count: it is the same page for ever
    return list(found.values()), False


def windows(
    since_ms: int | None, *, now_ms: int, days: int | None
) -> list[tuple[int | None, int | None]]:
    """Cut the time since then into what one question may span; the last one is open."""
    if since_ms is None or days is None:
        return [(since_ms, None)]
    span = days * _DAY_MS - 1_000  # some venues count in seconds
    starts = list(range(since_ms, max(now_ms, since_ms + 1), span))
    return [*((start, start + span) for start in starts[:-1]), (starts[-1], None)]


def _page_by_time(ask: Ask, limit: int) -> Page:
    async def page(since: int | None, until: int | None) -> list[Any]:
        return await ask(since, limit, {} if until is None else {"until": until})

    return page


def _page_by_number(
    ask: Ask, paging: Paging, limit: int, since: int | None, until: int | None
) -> Callable[[int], Awaitable[list[Any]]]:
    # Where a venue counts in seconds, ccxt would drop what a page holds of the one it began in,
    # and the page would look like the last
    start = None if since is None else since - since % 1_000

    async def page(number: int) -> list[Any]:
        more: More = {} if until is None else {"until": until}
        more[str(paging.size_key)] = limit
        if number > 1:
            more |= dict.fromkeys(paging.number_keys, number)
            more |= dict.fromkeys(paging.offset_keys, (number - 1) * limit)
        return await ask(start, None, more)

    return page


def _key(row: Any) -> tuple[Any, Any]:
    return row.get("id"), row.get("order")
