"""The card of a model as one HTML file with pictures that opens offline."""

from collections.abc import Iterable
from html import escape
from itertools import count
from pathlib import Path
from typing import Final

from morningstar_strategy.core.records import Value
from morningstar_strategy.model.judging.card import (
    CardFacts,
    check,
    facts_table,
    limits,
    recipe_text,
    reproduction,
)
from morningstar_strategy.model.judging.figures import Chart
from morningstar_strategy.model.judging.findings import Evaluation
from morningstar_strategy.model.judging.money_tables import money_tables
from morningstar_strategy.model.judging.pictures import charts
from morningstar_strategy.model.judging.skill_tables import skill_tables
from morningstar_strategy.model.judging.tables import Table
from morningstar_strategy.page import POLICY, scripts

__all__ = ["render"]

_EDGE: Final = {
    "none": "It has not been shown that this model knows which way the price will go.",
    "weak": "There are signs that this model knows a little of which way the price will go; they "
    "are too weak to rely on.",
    "significant": "It forecasts which way the price will go better than chance, also after costs.",
}


def render(facts: CardFacts, evaluation: Evaluation) -> str:
    """Render the card as HTML; raises ValueError where it is of another family."""
    check(facts, evaluation)
    drawn = list(charts(evaluation))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(facts.model_id)}</title>"
        f"<style>{_asset('card_page.css')}</style></head>\n<body>"
        f"{_header(facts, evaluation)}\n<main>{_body(facts, evaluation, drawn)}"
        "<footer>Past results of a simulation say nothing certain about the future. "
        "This is no financial advice.</footer></main>\n"
        f"{scripts(_placed(drawn))}</body></html>\n"
    )


def _header(facts: CardFacts, found: Evaluation) -> str:
    edge = found.direction_edge
    return (
        f"<header><h1>{escape(facts.model_id)}</h1>"
        f'<p class="edge {edge}"><b>direction_edge: {edge}</b> {_EDGE[edge]}</p></header>'
    )


def _body(facts: CardFacts, found: Evaluation, drawn: list[Chart]) -> str:
    command, agreement = reproduction(facts)
    parts = [
        _section("What it can and cannot forecast", _list(found.plain_words)),
        *(_picture(number, chart) for number, chart in enumerate(drawn)),
        _section("Data and licence", f"<p>{escape(facts.data_licence)}</p>"),
        _table(facts_table(facts, found)),
        *map(_table, skill_tables(found)),
        *map(_table, money_tables(found)),
        _section("Limits", _list(limits(facts, found))),
        _section("How to reproduce", f"<pre>{escape(command)}</pre><p>{escape(agreement)}</p>"),
        _section("Recipe", f"<pre>{escape(recipe_text(facts))}</pre>"),
    ]
    return "\n".join(parts)


def _section(title: str, inner: str) -> str:
    return f'<section><h2>{escape(title)}</h2><div class="panel">{inner}</div></section>'


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in sentences)}</ul>"


def _picture(number: int, chart: Chart) -> str:
    return (
        f'<section><h2>{escape(chart.title)}</h2><p class="note">{escape(chart.note)}</p>'
        f'<div class="panel"><div class="chart" id="chart-{number}" role="img" '
        f'aria-label="{escape(chart.title)}" style="height:{chart.height}px"></div></div></section>'
    )


def _table(table: Table) -> str:
    said = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    heading = f"<section><h2>{escape(table.title)}</h2>{said}"
    if not table.rows:
        return f'{heading}<p class="nothing">There is nothing to show.</p></section>'
    head = _row("th", table.head, table.texts)
    body = "".join(_row("td", row, table.texts) for row in table.rows)
    return (
        f'{heading}<div class="panel scroll"><table><thead>{head}</thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _row(tag: str, cells: Iterable[str], texts: int) -> str:
    """Write a table row, whose first `texts` cells are words."""
    kinds = ("" if at < texts else ' class="n"' for at in count())
    pairs = zip(kinds, cells, strict=False)  # the kinds never end
    return f"<tr>{''.join(f'<{tag}{kind}>{escape(text)}</{tag}>' for kind, text in pairs)}</tr>"


def _placed(drawn: Iterable[Chart]) -> list[Value]:
    return [
        {"id": f"chart-{at}", "height": each.height, "data": each.data, "layout": each.layout}
        for at, each in enumerate(drawn)
    ]


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
