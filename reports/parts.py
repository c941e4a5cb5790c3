"""The parts of which pages that open offline are put together."""

from html import escape
from pathlib import Path
from typing import Final

from morningstar_strategy.core.records import Value
from morningstar_strategy.page import POLICY, scripts
from reports import html_tables
from reports.charts import Chart

__all__ = ["Charts", "document", "pair", "section"]

_STYLE: Final = "page.css"


class Charts:
    """Collects the charts in the order in which they are placed on the page."""

    def __init__(self) -> None:
        self.placed: list[Value] = []

    def place(self, chart: Chart) -> str:
        """Give the section of a chart, and keep its figure for the script."""
        heading = f"<section><h2>{escape(chart.title)}</h2>"
        note = f'<p class="note">{escape(chart.note)}</p>'
        if not chart.data:
            return f"{heading}{html_tables.nothing('There is nothing to draw.')}</section>"
        name = f"chart-{len(self.placed)}"
        self.placed.append(
            {"id": name, "height": chart.height, "data": chart.data, "layout": chart.layout}
        )
        return (
            f'{heading}{note}<div class="panel"><div class="chart" id="{name}" role="img" '
            f'aria-label="{escape(chart.title)}" style="height:{chart.height}px"></div></div>'
            "</section>"
        )


def document(title: str, body: str, drawn: Charts, *, more_style: str = "") -> str:
    """Put a page together; `more_style` names a second file of styles beside the common one."""
    style = _asset(_STYLE) + (_asset(more_style) if more_style else "")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        f"<style>{style}</style></head>\n<body>"
        f"{body}\n{scripts(drawn.placed)}</body></html>\n"
    )


def section(title: str, inner: str, *, note: str = "", kind: str = "panel") -> str:
    """Give a section with its heading."""
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return f'<section><h2>{escape(title)}</h2>{said}<div class="{kind}">{inner}</div></section>'


def pair(*sections: str) -> str:
    """Put sections side by side where there is room."""
    return f'<div class="pair">{"".join(sections)}</div>'


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
