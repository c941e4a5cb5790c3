"""The card of a model: nothing left out, nothing claimed that was not measured."""

import json
import re

import pytest

from morningstar_strategy.model.judging import card, card_page
from morningstar_strategy.model.judging.evaluation import Evaluation, evaluate
from morningstar_strategy.model.judging.money_tables import money_tables
from morningstar_strategy.model.judging.pictures import charts
from morningstar_strategy.model.judging.skill_tables import skill_tables
from morningstar_strategy.model.judging.tables import Table, number, percent
from tests.judged import facts, market_panel, out_of_sample


@pytest.fixture(scope="module")
def found() -> Evaluation:
    panel = market_panel(bars=1_500)
    families = {"gbm": 0.0, "hybrid": 0.1, "mean": 0.0, "mlp": -0.1, "logistic": 0.0}
    oos = out_of_sample(panel, direction=families, volatility={"gbm": 0.4})
    return evaluate(panel, oos, champion="gbm", cost=0.0014, trials=40)


@pytest.fixture(scope="module")
def page(found: Evaluation) -> str:
    return card_page.render(facts(), found)


def tables_in(markdown: str) -> list[list[str]]:
    blocks = re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE)
    return [block.splitlines() for block in blocks]


def test_the_direction_edge_stands_at_the_head(found: Evaluation) -> None:
    for edge in ("none", "weak", "significant"):
        text = card.render(facts(), found.model_copy(update={"direction_edge": edge}))
        assert text.splitlines()[2] == f"**direction_edge: {edge}**"
    assert found.direction_edge == "none"


def test_the_card_holds_every_sentence_and_every_fact(found: Evaluation) -> None:
    stated = facts()
    text = card.render(stated, found)
    for sentence in found.plain_words:
        assert f"- {sentence}\n" in text
    for said in (
        stated.data_licence,
        "2022-01-01 to 2023-03-01",
        "2023-03-03 to 2023-04-10",
        "I0, I1, I2",
        stated.data_sha256,
        stated.code_sha256,
        "40 stated, 40 used for deflation",
        "python -m morningstar_strategy.model.training --evaluate BUNDLE",
        "within 0.001",
        "funding payments",
    ):
        assert said in text
    recipe = text.split("```json\n")[1].split("\n```")[0]
    assert json.loads(recipe) == stated.recipe


def test_the_card_shows_each_measured_number(found: Evaluation) -> None:
    text = card.render(facts(), found)
    for metric in found.metrics:
        if metric.family == "gbm":
            cells = f"| {number(metric.value, 4)} | {number(metric.baseline_value, 4)} |"
            assert f"{cells} {number(metric.skill_percent, 2)} % |" in text
            assert f"| {number(metric.t)} | {metric.count:,} |" in text
    for family in found.families:
        skill = found.metric(family, "direction")
        assert f"{number(skill.skill_percent, 1)} % ({number(skill.t, 1)})" in text
    for row in found.economics.results:
        assert f"| {row.family} | {row.rule} | {row.candidates:,} | {row.count:,} |" in text
    for flips in found.economics.coin_flips:
        assert " / ".join(number(value) for value in flips.net_sharpe) in text
    for name in ("HAR", "EWMA", "no model"):
        assert f"\n| {name} | " in text


def test_every_table_is_even_and_says_how_much_it_rests_on(found: Evaluation) -> None:
    tables = [*skill_tables(found), *money_tables(found)]
    blocks = tables_in(card.render(facts(), found))
    assert len(blocks) == len(tables) + 1  # the facts
    for lines in blocks:
        assert len({line.count("|") for line in lines}) == 1
    counted = ("n", "Trades", "Days")
    for table in tables:
        assert any(name in table.head for name in counted) or "n = " in table.note, table.title


def test_other_numbers_make_another_card(found: Evaluation) -> None:
    first = found.metrics[0]
    other = first.model_copy(update={"value": 0.123456, "t": 9.87})
    changed = found.model_copy(update={"metrics": (other, *found.metrics[1:])})
    text = card.render(facts(), changed)
    assert "0.1235" in text
    assert "9.87" in text
    assert text != card.render(facts(), found)


def test_nothing_traded_is_shown_as_missing_and_not_as_zero(found: Evaluation) -> None:
    empty = {"count": 0, "gross_bp": None, "net_bp": None, "net_sharpe": None, "deflated": None}
    results = tuple(each.model_copy(update=empty) for each in found.economics.results)
    money = found.economics.model_copy(update={"results": results, "coin_flips": ()})
    silent = found.model_copy(update={"economics": money})
    text = card.render(facts(), silent)
    assert "| gbm | kelly | " in text
    assert "| 0 | n/a |" in text
    assert "There is nothing to show." in text
    assert "nothing to show" in card_page.render(facts(), silent)


def test_a_card_of_another_family_is_refused(found: Evaluation) -> None:
    with pytest.raises(ValueError, match="family must be gbm, was hybrid"):
        card.render(facts("hybrid"), found)
    with pytest.raises(ValueError, match="family must be gbm, was hybrid"):
        card_page.render(facts("hybrid"), found)


def test_the_page_loads_nothing_and_runs_no_foreign_text(page: str) -> None:
    assert "default-src 'none'" in page
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(src|href)\s*=", markup)
    assert page.count("</script>") == 3
    assert "<random>" not in markup
    assert "Made up by a &lt;random&gt; number generator &amp; free to use." in page


def test_the_page_says_what_the_card_says(found: Evaluation, page: str) -> None:
    plain = page.replace("&#x27;", "'").replace("&gt;", ">").replace("&lt;", "<")
    for sentence in found.plain_words:
        assert f"<li>{sentence}</li>" in plain
    for table in (*skill_tables(found), *money_tables(found)):
        assert f"<h2>{table.title}</h2>" in plain
        for row in table.rows:
            for cell in row:
                assert f">{cell}</td>" in plain


def test_every_picture_has_a_caption_and_a_place(found: Evaluation, page: str) -> None:
    drawn = json.loads(page.split('id="charts">')[1].split("</script>")[0])
    pictures = list(charts(found))
    assert len(drawn) == len(pictures) == 7
    for chart, figure in zip(pictures, drawn, strict=True):
        assert chart.note.endswith(".")
        assert f'id="{figure["id"]}"' in page
        assert figure["data"]


def test_pictures_draw_the_measured_numbers(found: Evaluation) -> None:
    skill, reliability, quarters, coverage, cost, equity, volatility = (
        json.loads(json.dumps(chart.data)) for chart in charts(found)
    )
    assert skill[0]["x"] == [found.metric(name, "touch").skill_percent for name in found.families]
    expected = [1.96 * found.metric(name, "direction").error_percent for name in found.families]
    assert skill[1]["error_x"]["array"] == pytest.approx(expected)
    assert len(reliability) == 2 + 2 * len(found.families)
    champion = next(trace for trace in quarters if trace["name"] == "gbm")
    values = [m.value for q in found.quarters for m in q.metrics if m.baseline == "har"]
    assert champion["y"] == pytest.approx(values, rel=1e-5)
    held = [c.actual - c.nominal for c in found.coverage if (c.family, c.head) == ("gbm", "mfe")]
    assert coverage[0]["y"] == pytest.approx([100 * each for each in held])
    assert cost[0]["y"] == [r.gross_bp for r in found.economics.results if r.family == "gbm"]
    assert set(cost[-1]["y"]) == {found.economics.cost_bp}
    assert equity[2]["y"] == pytest.approx(found.equity.net, rel=1e-5)
    assert volatility[1]["y"] == pytest.approx(
        [100 * each for each in found.volatility.forecast], rel=1e-5
    )


def test_numbers_are_written_without_a_sign_where_they_round_to_zero() -> None:
    assert number(-0.001) == "0.00"
    assert number(-1234.5, 1) == "\u22121,234.5"
    assert number(None) == "n/a"
    assert percent(0.5) == "50.0 %"


def test_a_table_with_a_short_row_is_refused() -> None:
    with pytest.raises(ValueError, match="rows must have 2 cells, one had 1"):
        Table(title="t", note="", head=("a", "b"), rows=(("1",),))
