"""What every page that opens offline shares: its policy, its charts and what draws them."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from plotly.offline import get_plotlyjs

from morningstar_strategy.core.records import Value

__all__ = ["POLICY", "as_json", "scripts"]

# The page may not load anything: the browser itself refuses
POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)


def scripts(charts: list[Value]) -> str:
    """Give the elements that hold the charts and draw them: id, height, data and layout of each."""
    return (
        f'<script type="application/json" id="charts">{as_json(charts)}</script>\n'
        f"<script>{_plotly()}</script>\n<script>{_drawing()}</script>"
    )


def as_json(charts: list[Value]) -> str:
    """Write charts as JSON that cannot end a script element."""
    text = json.dumps(charts, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


@cache
def _plotly() -> str:
    source: str = get_plotlyjs()
    return source.replace("</script", "<\\/script")


def _drawing() -> str:
    return Path(__file__).with_name("page.js").read_text(encoding="utf-8")
