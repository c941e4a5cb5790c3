"""The report as a page, as it is shipped, in a browser where one is installed, and as a table."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal
from html import escape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.curves import Prices
from morningstar_strategy.core.report import Report
from reports import formats
from reports.charts import thin
from reports.html_tables import MAX_PLANS
from reports.html_tables import plans as plans_table
from reports.page import render
from reports.price_charts import MAX_MARKERS, price_charts
from reports.table import summary
from tests.demo import HOUR_NS, START_NS, demo_report

HOSTILE = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>&"
MEGABYTE = 1_000_000


class Reader(HTMLParser):
    """Collects tags, addresses and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.data = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.addresses += [named[name] or "" for name in ("src", "href", "action") if name in named]
        self.handlers += [name for name in named if name.startswith("on")]
        self._inside = "data" if named.get("id") == "charts" else tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "data":
            self.data += data
        elif self._inside == "style":
            self.styles.append(data)
        elif self._inside != "script":
            self.texts.append(data)


def page_of(report: Report, *, synthetic: bool = True, title: str = "Morningstar backtest") -> str:
    return render(
        report,
        title=title,
        head_lines=["Engine NautilusTrader 2.0.0rc6, a release candidate"],
        synthetic=synthetic,
        max_exposure_percent=Decimal(85),
    )


@pytest.fixture(scope="module")
def report() -> Report:
    return demo_report(days=120)


@pytest.fixture(scope="module")
def reader(report: Report) -> Reader:
    return Reader(page_of(report))


# ------------------------------------------------------------ laws


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400).map(np.array), st.integers(1, 40))
def test_thinning_keeps_ends_and_extremes_in_order(values: FloatArray, buckets: int) -> None:
    at = thin(values, buckets)
    kept = values[at]
    assert np.all(np.diff(at) > 0)
    assert (at[0], at[-1]) == (0, len(values) - 1)
    assert (kept.min(), kept.max()) == (values.min(), values.max())
    assert len(at) <= 2 * buckets + 2


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_reason_is_shown_as_it_was_written(text: str) -> None:
    row = replace(_PLAN, planned_reason=text)
    assert f"<td>{escape(text)}</td>" in plans_table([row], "USDT")


_PLAN = demo_report(days=30, seed=2).plans[0]


# ------------------------------------------------------------ the page


def test_the_page_says_loudly_that_data_are_synthetic_only_when_they_are(report: Report) -> None:
    real = replace(report, head=replace(report.head, synthetic=False))
    assert "SYNTHETIC" in page_of(report, synthetic=True)
    assert "SYNTHETIC" in page_of(report, synthetic=False)
    assert "SYNTHETIC" in page_of(real, synthetic=True)
    assert "SYNTHETIC" not in page_of(real, synthetic=False)


def test_nothing_is_loaded_from_outside(reader: Reader, report: Report) -> None:
    assert reader.addresses == []
    assert not {"link", "iframe", "object", "embed", "img", "base"} & set(reader.tags)
    assert "default-src 'none'" in page_of(report)
    assert not re.search(r"url\(|@import", "".join(reader.styles))


def test_every_section_and_figure_is_there(reader: Reader, report: Report) -> None:
    text = "\n".join(reader.texts)
    for title in (
        "Equity and drawdown", "Monthly returns", "Exposure", *report.head.instruments,
        "Costs by kind", "Where the result comes from", "Net result per plan", "Long and short",
        "By instrument", "Outcomes", "Denials by rule", "Made smaller by rule",
        "Halts and incidents", "Plans", "Buy and hold", "Deflated Sharpe", "Sharpe", "CAGR",
        "Profit factor", "Max drawdown", "Engine NautilusTrader 2.0.0rc6, a release candidate",
    ):  # fmt: skip
        assert title in text
    assert formats.fraction(report.head.simple_return, signed=True) in text
    assert "after <b>bad</b> losses & a stop" in text
    assert "drawdown 10.2 % is over 10 %" in text
    assert "calm" in text


def test_the_charts_carry_the_data_of_the_report(reader: Reader, report: Report) -> None:
    equity, exposure, *others = json.loads(reader.data)
    strategy, held, fall = equity["data"]
    assert strategy["y"][0] == 10_000
    assert strategy["y"][-1] == pytest.approx(float(report.head.ending_equity), rel=1e-6)
    assert held["name"] == "Buy and hold"
    assert report.basket is not None
    assert held["y"][-1] == pytest.approx(10_000 * (1 + report.basket.simple_return), rel=1e-6)
    assert min(fall["y"]) == pytest.approx(-100 * report.head.max_drawdown, rel=1e-6)
    names = [trace["name"] for trace in exposure["data"]]
    assert names == [*report.head.instruments, "Long minus short", "Cap 85 %"]
    prices = others[: len(report.head.instruments)]
    drawn = {trace["name"] for chart in prices for trace in chart["data"]}
    assert drawn == {"Price", "Long entry", "Short entry", "Stop", "Take profit", "Close"}
    marked = sum(len(t["x"]) for c in prices for t in c["data"] if t["mode"] == "markers")
    assert marked == len(report.fills)


def test_hostile_texts_stay_texts(report: Report) -> None:
    plan = replace(report.plans[0], planned_reason=HOSTILE, end_reason=HOSTILE)
    denial = replace(report.denials[0], rule=HOSTILE, example=HOSTILE)
    changed = replace(report, plans=(plan, *report.plans[1:]), denials=(denial,))
    page = page_of(changed, title=HOSTILE)
    reader = Reader(page)
    assert "<script>alert" not in page
    assert reader.tags.count("script") == 3
    assert "img" not in reader.tags
    assert reader.handlers == []
    hovers = [text for chart in json.loads(reader.data) for text in _hovers(chart)]
    assert any("&lt;script&gt;" in text for text in hovers)
    assert not any("<script" in text or "<img" in text for text in hovers)


def _hovers(chart: dict[str, list[dict[str, list[str]]]]) -> list[str]:
    return [text for trace in chart["data"] for text in trace.get("text", [])]


@pytest.mark.parametrize("instruments", [0, 1, 5])
def test_a_run_without_any_plan_has_a_page(instruments: int) -> None:
    empty = demo_report(days=1, seed=1, instruments=instruments, trade_probability=0.0)
    text = "\n".join(Reader(page_of(empty)).texts)
    for said in (
        "No plan was made.", "No plan was closed.", "The gate denied nothing.",
        "The gate made no plan smaller.", "No halt and no incident.", "There is nothing to draw.",
        "annualised figures of less than 90 days say little",
    ):  # fmt: skip
        assert said in text


def test_of_many_plans_the_first_and_last_thousand_are_shown() -> None:
    rows = [replace(_PLAN, order_id=f"{n}", planned_reason=f"plan {n}.") for n in range(2_001)]
    shown = plans_table(rows, "USDT")
    assert shown.count("<tr>") == MAX_PLANS + 1
    assert "The first and the last 1,000 of 2,001 plans are shown." in shown
    assert "plan 999." in shown
    assert "plan 1000." not in shown
    assert "plan 1001." in shown
    assert "are shown" not in plans_table(rows[:2_000], "USDT")


def test_a_huge_run_keeps_its_page_below_eight_megabytes() -> None:
    report = demo_report(days=250, seed=9, trade_probability=0.3)
    hours = 1_000_000
    path = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.001, hours)))
    stamps = START_NS + (HOUR_NS // 60) * np.arange(hours, dtype=np.int64)
    prices = tuple(
        Prices(instrument_id=name, ts_event=stamps, close=path) for name in report.head.instruments
    )
    many = 20_000 // len(report.plans) + 1
    huge = replace(report, prices=prices, plans=report.plans * many, fills=report.fills * many)
    assert len(huge.fills) > 5 * MAX_MARKERS
    page = page_of(huge)
    assert len(page.encode()) < 8 * MEGABYTE
    charts = price_charts(huge)
    marked = sum(len(_points(chart.data)) for chart in charts)
    assert 0 < marked <= MAX_MARKERS
    assert all("of which the first and the last" in chart.note for chart in charts)


def _points(data: object) -> list[object]:
    text = json.loads(json.dumps(data))
    return [x for trace in text if trace["mode"] == "markers" for x in trace["x"]]


def test_a_warning_stands_where_the_records_do_not_explain_the_equity(report: Report) -> None:
    wrong = replace(report, costs=replace(report.costs, residual=Decimal("12.5")))
    text = "\n".join(Reader(page_of(wrong)).texts)
    assert "The records do not explain 12.50000000 USDT" in text
    assert "do not trust" in text


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@pytest.mark.skipif(_chromium() is None, reason="no Chromium is installed")
def test_a_browser_draws_every_chart_of_the_page(report: Report, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(page_of(report), encoding="utf-8")
    command = [
        f"{_chromium()}", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,5000",
        "--virtual-time-budget=8000", "--enable-logging=stderr", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    drawn = re.findall(r'<div class="chart[^"]*js-plotly-plot"', done.stdout)
    assert len(drawn) == len(json.loads(Reader(page.read_text(encoding="utf-8")).data))
    assert "main-svg" in done.stdout
    faults = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert faults == []


# ------------------------------------------------------------ the terminal


def test_the_table_has_the_headline_of_the_page(report: Report) -> None:
    console = Console(file=StringIO(), width=160)
    console.print(
        summary(
            report,
            title="A [bold]title[/bold]",
            head_lines=["a line"],
            model_lines=["a word"],
            synthetic=True,
        )
    )
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "SYNTHETIC" in text
    assert "A [bold]title[/bold]" in text
    for said in ("Total return", "Sharpe", "Deflated Sharpe", "Buy and hold", "calm_enough"):
        assert said in text
    assert formats.fraction(report.head.simple_return, signed=True) in text


# ------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (formats.money(Decimal("-1234.567"), signed=True), "−1,234.57"),
        (formats.money(Decimal("1234.5"), signed=True), "+1,234.50"),
        (formats.money(Decimal("0.0042")), "0.0042"),
        (formats.money(Decimal("-0.00000001"), signed=True), "0.00"),
        (formats.money(None), "n/a"),
        (formats.fraction(-0.00001, signed=True), "0.00 %"),
        (formats.fraction(12.5), "1,250 %"),
        (formats.fraction(float("nan")), "n/a"),
        (formats.amount(Decimal("0.000012345678912")), "0.000012345679"),
        (formats.amount(Decimal("42000.10")), "42,000.1"),
        (formats.amount(Decimal("1200")), "1,200"),
        (formats.moment(START_NS + 90 * 60_000_000_000), "2024-01-01 01:30"),
        (formats.duration(59 * 60), "59 min"),
        (formats.duration(3 * 86_400 + 7_200), "3 d 02 h"),
        (formats.ratio(-1.234), "−1.23"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_a_person(written: str, expected: str) -> None:
    assert written == expected
