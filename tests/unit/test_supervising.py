"""The settings of the supervisor, and how they become one."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random

import pytest
import yaml

from morningstar_strategy.actors.ways import Beside, InLine
from morningstar_strategy.core.review import Verdict
from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.journal import TAPE
from morningstar_strategy.settings.load import SettingsError, dump_settings, load_settings
from morningstar_strategy.settings.schema import Settings, SupervisorSettings
from morningstar_strategy.settings.supervising import (
    beside,
    in_line,
    known_from,
    open_supervision,
)
from morningstar_strategy.settings.wiring import calibration_of
from morningstar_strategy.supervisor.exchange import Purpose
from morningstar_strategy.supervisor.supervisor import Supervisor
from morningstar_strategy.supervisor.tape import TapeError, TapeMiss, TapeWriter, verify_tape
from tests.harness.counsels import exchange, scene

PRICED = {"prices": {"qwen-max": {"tokens_in": 1.6, "tokens_out": 6.4}}}
CANARY = "sk-canary-123"
ENVIRON = {"DASHSCOPE_API_KEY": "k-1234567890"}


def told(**fields: object) -> SupervisorSettings:
    return SupervisorSettings.model_validate(fields)


def write(path: Path, tree: object) -> Path:
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


# ---------------------------------------------------------------- settings


def test_nobody_supervises_unless_told() -> None:
    assert (Settings().supervisor.source, Settings().supervisor.policy.may_propose) == (
        "off",
        False,
    )


def test_the_provider_is_one_line(tmp_path: Path) -> None:
    file = write(tmp_path / "s.yaml", {"supervisor": {"providers": ["qwen"]}})
    (spec,) = load_settings(
        file, overrides=["supervisor.providers=[anthropic]"]
    ).supervisor.providers
    assert (spec.name, spec.key_env) == ("anthropic", "ANTHROPIC_API_KEY")


def test_a_field_of_the_policy_may_stand_beside_it() -> None:
    policy = told(may_propose=True, policy={"cycle_secs": 60}).policy
    assert (policy.may_propose, policy.cycle_secs) == (True, 60)


def test_a_source_may_stand_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "s.yaml", {"supervisor": "scripted"})
    assert load_settings(file).supervisor.source == "scripted"
    for bare in ("supervisor=off", "supervisor.source=off"):  # which YAML takes for false
        file = write(tmp_path / "t.yaml", {"supervisor": {"source": "scripted"}})
        assert load_settings(file, overrides=[bare]).supervisor.source == "off"


def test_resolved_settings_load_to_the_same(tmp_path: Path) -> None:
    local = {"preset": "ollama", "model": "m", "extra_body": {"seed": 7}}
    settings = Settings(
        supervisor=told(
            source="live",
            providers=["qwen", local],
            budget={"prices": PRICED["prices"] | {"m": {"tokens_in": 0, "tokens_out": 0}}},
        )
    )
    (tmp_path / "s.yaml").write_text(dump_settings(settings), encoding="utf-8")
    assert load_settings(tmp_path / "s.yaml") == settings


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": "tape"}, "tape must name a tape or a run folder where source is tape"),
        ({"source": "live"}, "prices must name every model, had none for qwen-max"),
        (
            {"source": "live", "budget": {**PRICED, "max_reply_tokens": 10}},
            "max_reply_tokens must cover the providers' max_tokens 700, was 10",
        ),
        ({"source": "oracle"}, "'off', 'scripted', 'tape' or 'live', was 'oracle'"),
        ({"may_propos": True}, "unknown setting supervisor.may_propos"),
        (
            {"policy": {"lessons": 1}, "lessons": 2},
            "must not repeat what stands beside it: lessons",
        ),
        ({"policy": 3, "lessons": 2}, "policy must hold a mapping, was 3"),
        ({"providers": ["nobody"]}, "preset must be one of"),
        *(
            ({"providers": told}, f"{words}, was {shown}")
            for told, words, shown in (
                ({"preset": "qwen", "api_key": CANARY}, "valid tuple", "a mapping of 2 fields"),
                (CANARY, "valid tuple", "a text of 13 characters"),
                ([{"preset": "qwen", "extra_body": CANARY}], "dictionary", "a text of 13"),
                ([{"preset": "qwen", "key_env": [CANARY]}], "valid string", "a list of 1"),
                ([CANARY], "ollama", "a text of 13 characters"),
                ([[CANARY]], "ProviderSpec", "a list of 1"),
            )
        ),
        (
            {"providers": [{"preset": "qwen", "api_key": CANARY}]},
            "unknown setting supervisor.providers.0.api_key",
        ),
        *(
            (fields, "must not be true or false, was True")
            for fields in (
                {"deadline_secs": True},
                {"policy": {"cycle_secs": True}},
                {"budget": {"tokens_per_day": True}},
                {"patience": {"attempts": True}},
                {"providers": [{"preset": "qwen", "max_tokens": True}]},
                {"workers": True},
                {"scripted_latency_ms": True},
            )
        ),
        (
            {"providers": [{"preset": "qwen", "stream": True}]},
            "unknown setting supervisor.providers.0.stream",
        ),
        ({"silence_scale": 1.5}, "silence_scale must be in [0, 1], was 1.5"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    tmp_path: Path, fields: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError) as e:
        load_settings(write(tmp_path / "s.yaml", {"supervisor": fields}))
    assert words in str(e.value)
    assert "\n" not in str(e.value)
    assert CANARY not in str(e.value)


# ---------------------------------------------------------------- opening one


def test_off_opens_nothing_and_writes_no_tape(tmp_path: Path) -> None:
    with open_supervision(
        told(), tape=tmp_path / TAPE, carry=in_line, environ={}, rng=Random(1)
    ) as supervision:
        assert supervision is None
    assert list(tmp_path.iterdir()) == []


def test_the_script_reviews_without_any_key_or_network(tmp_path: Path) -> None:
    settings = told(source="scripted", may_propose=True, scripted_latency_ms=5)
    with open_supervision(
        settings, tape=tmp_path / TAPE, carry=in_line, environ={}, rng=Random(1)
    ) as supervision:
        assert supervision is not None
        assert supervision.may_propose
        assert isinstance(supervision.way, InLine)
        considered = supervision.counsel.consider(scene(1), Purpose.EXECUTE)
        assert considered.review.proposal is not None
        assert considered.latency_ns == 5_000_000
        for each in considered.exchanges:
            supervision.tape(each)
    replayed = told(source="tape", tape=tmp_path, may_propose=True)
    with open_supervision(
        replayed, tape=tmp_path / "again.jsonl", carry=in_line, environ={}, rng=Random(1)
    ) as supervision:
        assert supervision is not None
        assert supervision.counsel.consider(scene(1), Purpose.EXECUTE) == considered
        with pytest.raises(TapeMiss):
            supervision.counsel.consider(scene(2), Purpose.EXECUTE)


def test_a_live_one_is_asked_beside_the_engine_and_is_closed_at_the_end(tmp_path: Path) -> None:
    spec = {"preset": "qwen", "base_url": "http://127.0.0.1:9/v1"}
    settings = told(source="live", providers=[spec], budget=PRICED, deadline_secs=2.0)
    with open_supervision(
        settings, tape=tmp_path / TAPE, carry=beside, environ=ENVIRON, rng=Random(1)
    ) as supervision:
        assert supervision is not None
        assert isinstance(supervision.way, Beside)
        considered = supervision.counsel.consider(scene(1), Purpose.REVIEW)
        # Nobody listens at that port: silence, at the size that silence leaves
        assert considered.review.verdict is Verdict.ABSTAINED
        assert considered.review.scale == 0.5
        assert ENVIRON["DASHSCOPE_API_KEY"] not in f"{considered}"
        supervision.way.end()


@pytest.mark.parametrize(
    ("predictor", "words"),
    [
        ("baseline", "votes of a rule, not calibrated"),
        ("bundle", "skill in direction, measured out of sample: weak"),
    ],
)
def test_every_question_says_how_far_the_model_may_be_believed(
    tmp_path: Path, predictor: str, words: str
) -> None:
    settings = Settings.model_validate({"predictor": predictor, "data": {"interval": "5m"}})
    with open_supervision(
        told(source="scripted", may_propose=True),
        tape=tmp_path / TAPE,
        carry=in_line,
        environ={},
        rng=Random(1),
        calibration=partial(calibration_of, settings),
    ) as supervision:
        assert supervision is not None
        considered = supervision.counsel.consider(scene(1), Purpose.EXECUTE)
    (asked,) = considered.exchanges
    assert f'"calibration": "{words}"' in asked.question.prompt.user


def test_where_nobody_supervises_the_model_is_not_asked_about(tmp_path: Path) -> None:
    bad = Settings.model_validate({"predictor": {"kind": "bundle", "bundle": "nowhere"}})
    with pytest.raises(ValueError, match="nowhere"):
        calibration_of(bad)
    with open_supervision(
        told(),
        tape=tmp_path / TAPE,
        carry=in_line,
        environ={},
        rng=Random(1),
        calibration=partial(calibration_of, bad),
    ) as supervision:
        assert supervision is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (told(source="live", budget=PRICED), "DASHSCOPE_API_KEY is not set"),
        (told(source="tape", tape="nowhere.jsonl"), "tape nowhere.jsonl cannot be read"),
    ],
)
def test_what_cannot_be_opened_is_refused_before_anything_runs(
    tmp_path: Path, settings: SupervisorSettings, words: str
) -> None:
    with (
        pytest.raises(ValueError, match=words),
        open_supervision(settings, tape=tmp_path / TAPE, carry=in_line, environ={}, rng=Random(1)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_changed_tape_is_not_replayed(tmp_path: Path) -> None:
    with TapeWriter(tmp_path / "old.jsonl") as tape:
        tape.append(exchange(scene(1)))
    changed = (tmp_path / "old.jsonl").read_text().replace('"cost":"0.002"', '"cost":"0.001"')
    (tmp_path / "old.jsonl").write_text(changed)
    settings = told(source="tape", tape=tmp_path / "old.jsonl")
    with (
        pytest.raises(TapeError, match=r"line 1 of old\.jsonl was changed"),
        open_supervision(settings, tape=tmp_path / TAPE, carry=in_line, environ={}, rng=Random(1)),
    ):
        pass


def test_after_a_restart_the_tape_goes_on_and_what_it_cost_is_not_forgotten(
    tmp_path: Path,
) -> None:
    with TapeWriter(tmp_path / TAPE) as tape:
        tape.append(exchange(scene(1)))
    with open_supervision(
        told(source="scripted"), tape=tmp_path / TAPE, carry=in_line, environ={}, rng=Random(1)
    ) as supervision:
        assert supervision is not None
        assert isinstance(supervision.counsel, Supervisor)
        spent = supervision.counsel.spent(1)
        assert (spent.tokens, spent.money) == (15, Decimal("0.002"))
        supervision.tape(exchange(scene(2)))
    assert verify_tape(tmp_path / TAPE) == 2


def test_after_a_crash_inside_a_line_the_tape_goes_on_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with TapeWriter(tmp_path / TAPE) as tape:
        tape.append(exchange(scene(1)))
    with (tmp_path / TAPE).open("ab") as file:
        file.write(b'{"prev": "ab')
    with open_supervision(
        told(source="scripted"), tape=tmp_path / TAPE, carry=in_line, environ={}, rng=Random(1)
    ) as supervision:
        assert supervision is not None
        assert isinstance(supervision.counsel, Supervisor)
        assert supervision.counsel.spent(1).tokens == 15
        supervision.tape(exchange(scene(2)))
    assert verify_tape(tmp_path / TAPE) == 2
    assert (tmp_path / f"{TAPE}.torn").read_bytes() == b'{"prev": "ab\n'
    assert "tape.jsonl was cut off, and is now in" in caplog.text


# ---------------------------------------------------------------- what is known outside


@pytest.mark.parametrize(
    ("name", "quote", "known"),
    [
        ("BTCUSDT-PERP.BINANCE", "USDT", ["BTC", ""]),
        ("BTC-USDT.KUCOIN", "USDT", ["BTC", ""]),
        ("ETHUSDC.BINANCE", "USDC", ["ETH", ""]),
        ("USDTUSD.X", "USD", ["USDT", ""]),
        ("USDT.X", "USDT", ["USDT", ""]),
    ],
)
def test_the_timeline_is_asked_by_base_currency(
    name: str, quote: str, known: Sequence[str]
) -> None:
    told = [
        External(
            source="news", symbol=each, ts_event=0, ts_known=1, trust=Trust.TEXT, text=f"on {each}"
        )
        for each in ("BTC", "ETH", "USDT", "")
    ]
    found = known_from(Timeline(told), {name: quote})(name, 2)
    assert sorted(each.symbol for each in found) == sorted(known)
    assert known_from(Timeline(told), {name: quote})(name, 0) == ()


def test_the_supervisor_is_what_the_actor_asks(tmp_path: Path) -> None:
    with open_supervision(
        told(source="scripted"), tape=tmp_path / TAPE, carry=in_line, environ={}, rng=Random(1)
    ) as supervision:
        assert supervision is not None
        assert isinstance(supervision.counsel, Supervisor)
        assert supervision.counsel.silence(scene(1), "late").scale == 0.5
