"""Settings: what is written is read again, and what is wrong is one sentence that names it."""

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from morningstar_strategy.settings.load import (
    SettingsError,
    dump_settings,
    load_settings,
    settings_digest,
)
from morningstar_strategy.settings.schema import Settings

# Every key of the schema with a value that is not its default
EXCHANGE = {
    "dialect": "kucoin",
    "catalog": "elsewhere",
    "instruments": ["BTCUSDT-PERP.BINANCE"],
    "start": "2024-02-01T00:00:00Z",
    "endpoint": "http://127.0.0.1:2",
    "balance": "9999",
    "seed": 2,
}

OTHER: dict[str, Any] = {
    "mode": "backtest",
    "capital": 1234.5,
    "currency": "USDC",
    "runs": "elsewhere",
    "data": {
        "catalog": "other/catalog",
        "instruments": ["AUSDT.BINANCE", "BUSDT.BINANCE"],
        "interval": "15m",
        "start": "2024-01-02T03:04:05Z",
        "end": "2024-03-01",
        "externals": ["crypto-fear-greed", "btc-onchain/AdrActCnt"],
        "feeds": [{"name": "news", "url": "https://example.com/rss", "kind": "rss"}],
    },
    "venue": {
        "maker_fee_percent": None,
        "taker_fee_percent": 0.07,
        "slippage_percent": 0,
        "latency_ms": 7,
        "leverage": 2.5,
        "funding": False,
    },
    "predictor": {
        "kind": "bundle",
        "bundle": "champion",
        "registry": "elsewhere",
        "shadows": ["mean"],
        "cache": None,
        "threads": 2,
        "allow_no_edge": True,
        "baseline": {
            "momentum": "momentum_96",
            "threshold": 1.5,
            "slope": 3.0,
            "min_efficiency": 0.2,
            "horizon_bars": 48,
            "stop_sigmas": 1.25,
            "target_sigmas": 2.5,
            "min_stop": 0.009,
            "max_stop": 0.07,
            "min_target": 0.017,
            "max_target": 0.13,
            "turbulent_ratio": 1.3,
            "turbulence_slope": 5.0,
        },
    },
    "decision": {
        "min_confidence": 0.55,
        "max_turbulence": 0.8,
        "max_age_secs": 61,
        "entry": "limit",
        "limit_offset_percent": 0.2,
        "entry_expiry_secs": 3601,
        "distances": "predicted",
        "stop_percent": 3.4,
        "take_profit_percents": [1, 2.5],
        "take_profit_fractions": [0.3, 0.7],
        "cooldown_secs": 0,
        "max_holding_secs": 1,
        "break_even_after_percent": 0,
        "close_on_opposite": False,
        "allow_short": False,
        "accept_proposals": True,
        "sizing": {
            "target_volatility_percent": 0.2,
            "horizon_bars": 95,
            "max_size_percent": 14,
            "full_confidence": 0.8,
            "least_share": 0.5,
            "kelly_share": 0.5,
        },
    },
    "risk": {
        "max_position_percent": 14,
        "max_exposure_percent": 84,
        "max_correlated_percent": 59,
        "max_risk_percent": 0.9,
        "max_daily_loss_percent": 2.9,
        "warn_drawdown_percent": 4.9,
        "max_drawdown_percent": 9.9,
        "max_loss_ratio_percent": 4.9,
        "max_stop_distance_percent": 9.9,
        "max_entry_distance_percent": 4.9,
        "max_open_plans": 4,
        "max_order_notional": 99_999,
        "max_price_age_secs": 899,
        "observe_every_secs": 299,
        "correlated": [["AUSDT.BINANCE", "BUSDT.BINANCE"], ["AUSDT.BINANCE"]],
    },
    "supervisor": {
        "source": "scripted",
        "tape": "other.jsonl",
        "scripted_latency_ms": 1,
        "policy": {
            "may_propose": True,
            "cycle_secs": 899,
            "deadline_secs": 7.9,
            "least_repair_secs": 0.9,
            "silence_scale": 0.4,
            "veto_bars": 3,
            "lessons": 4,
            "words": 7,
            "word_chars": 239,
            "numbers": 15,
        },
        "budget": {
            "tokens_per_day": 1_999_999,
            "money_per_day": 1.9,
            "tokens_per_decision": 19_999,
            "money_per_decision": 0.09,
            "max_reply_tokens": 699,
            "prices": {"m": {"tokens_in": 1, "tokens_out": 2}},
        },
        "providers": ["mistral", {"preset": "ollama", "model": "m"}],
        "patience": {
            "attempts": 3,
            "first_wait_secs": 0.24,
            "most_wait_secs": 1.9,
            "first_share": 0.5,
            "breaker_failures": 2,
            "breaker_secs": 59.0,
        },
        "workers": 3,
    },
    "journal": {"assessments": "all", "bars": True, "equity_every_secs": 3599},
    "report": {"trials": 12},
    "node": {
        "venues": [{"name": "bitget", "endpoint": "http://127.0.0.1:1", "leverage": {"A": 2}}],
        "exchange": EXCHANGE,
        "speed": 60,
        "state": "elsewhere",
        "journal": "postgresql://db/journal",
        "at_stop": "flatten",
        "on_danger": "flatten",
        "guard": {
            "poll_ms": 99,
            "mend_after_secs": 0.4,
            "close_after_secs": 2.9,
            "status_every_secs": 0.9,
            "stop_within_secs": 19.0,
            "last_look_secs": 1.5,
        },
        "doctor": {
            "least_free_gib": 2,
            "warn_skew_ms": 499,
            "max_skew_ms": 1999,
            "lot_percent": 9,
        },
        "stale_after_bars": 2.4,
        "warm_up": "none",
        "connect_secs": 59,
        "settle_secs": 4,
        "record": False,
    },
    "monitoring": {
        "enabled": False,
        "host": "::1",
        "port": 9465,
        "expose": True,
        "heartbeat_secs": 14.0,
        "patience_secs": 299.0,
        "unprotected_secs": 4.0,
        "alerts": {
            "channels": ["log", "webhook"],
            "min_level": "info",
            "webhook_url_env": "OTHER_URL",
            "telegram_chat_id": "12",
            "telegram_token_env": "OTHER_TOKEN",
            "telegram_base_url": "http://127.0.0.1:3",
            "dedupe_secs": 599,
            "timeout_secs": 9.0,
            "attempts": 5,
            "queue_size": 199,
            "heartbeat_hours": 23,
            "ping_url_env": "OTHER_PING",
            "ping_every_secs": 59,
        },
    },
}


# Their keys are anybody's words, or they are not there by default
_WHOLE = ("prices", "exchange")


def leaves(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict) and name not in _WHOLE:
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def write(path: Path, tree: object) -> Path:
    path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree), encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "settings.yaml", "capital: 100\n")


def fault(path: Path, *overrides: str) -> str:
    with pytest.raises(SettingsError) as e:
        load_settings(path, overrides=overrides)
    told = str(e.value)
    assert "\n" not in told
    return told


# ---------------------------------------------------------------- all of them


def test_every_key_of_the_schema_is_told_with_another_value_here() -> None:
    default = dict(leaves(Settings().model_dump(mode="json")))
    told = dict(leaves(Settings.model_validate(OTHER).model_dump(mode="json")))
    assert told.keys() == default.keys() == dict(leaves(OTHER)).keys()
    assert [name for name in told if told[name] == default[name]] == []


def test_a_predictor_may_be_told_by_its_kind_alone(file: Path) -> None:
    told = load_settings(file, overrides=["predictor=bundle"]).predictor
    assert (told.kind, told.bundle) == ("bundle", "default")
    assert fault(file, "predictor=oracle").startswith("setting predictor.kind: ")


@pytest.mark.parametrize("tree", [{}, OTHER], ids=["defaults", "others"])
def test_dumped_settings_load_to_the_same(tmp_path: Path, tree: dict[str, Any]) -> None:
    settings = load_settings(write(tmp_path / "a.yaml", tree))
    again = load_settings(write(tmp_path / "b.yaml", dump_settings(settings)))
    assert again == settings
    assert dump_settings(again) == dump_settings(settings)
    assert settings_digest(again) == settings_digest(settings)


@pytest.mark.parametrize("name", [name for name, _ in leaves(OTHER)])
def test_every_key_can_be_set_on_the_command_line(tmp_path: Path, name: str) -> None:
    others = dict(leaves(OTHER))
    pairs = {
        "data.end": ["data.end=2031-01-01"],
        "decision.take_profit_fractions": [
            f"{key}={others[key]}"
            for key in ("decision.take_profit_percents", "decision.take_profit_fractions")
        ],
    }
    told = pairs.get(name) or [f"{name}={yaml.safe_dump(others[name], default_flow_style=True)}"]
    told = [text.removesuffix("...\n").strip() for text in told]
    settings = load_settings(write(tmp_path / "a.yaml", ""), overrides=told)
    changed = dict(leaves(settings.model_dump(mode="json")))
    default = dict(leaves(Settings().model_dump(mode="json")))
    differing = {key for key in default if changed[key] != default[key]}
    assert differing == {text.split("=")[0] for text in told}


@pytest.mark.parametrize("name", [name for name, _ in leaves(OTHER)])
def test_the_digest_sees_every_key_but_where_results_go_and_a_node(name: str) -> None:
    default, other = Settings(), Settings.model_validate(OTHER)
    tree = default.model_dump(mode="json")
    *parents, leaf = name.split(".")
    node, source = tree, other.model_dump(mode="json")
    for parent in parents:
        node, source = node[parent], source[parent]
    if leaf == "take_profit_fractions":
        node["take_profit_percents"] = source["take_profit_percents"]
    node[leaf] = source[leaf]
    changed = Settings.model_validate(tree)
    same = settings_digest(changed) == settings_digest(default)
    decides_nothing = ("runs", "predictor.cache", "predictor.threads")
    assert same == (name in decides_nothing or name.startswith(("node.", "monitoring.")))


def test_the_digest_is_a_sha256_and_the_same_every_time() -> None:
    digest = settings_digest(Settings())
    assert len(digest) == hashlib.sha256().digest_size * 2
    assert digest == settings_digest(Settings())


# ---------------------------------------------------------------- unknown and wrong


@pytest.mark.parametrize(
    "section",
    [
        "",
        "data.",
        "venue.",
        "predictor.",
        "predictor.baseline.",
        "decision.",
        "decision.sizing.",
        "risk.",
        "journal.",
        "report.",
    ],
)
def test_an_unknown_key_is_refused_at_every_level_by_its_full_name(
    file: Path, section: str
) -> None:
    assert fault(file, f"{section}max_positon=5") == f"unknown setting {section}max_positon"


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("capital=0", "capital", "0"),
        ("capital=.nan", "capital", "nan"),
        ("capital=true", "capital", "True"),
        ("mode=dream", "mode", "'dream'"),
        ("data.interval=7m", "data.interval", "'7m'"),
        ("data.instruments=[]", "data.instruments", "[]"),
        ("data.instruments=[A, B, A]", "data.instruments", "A, B, A"),
        ("data.externals=[A, B, A]", "data.externals", "A, B, A"),
        ("data.feeds=[{name: a, url: 'http://a.b/', kind: rss}]", "data.feeds.0", "http://a.b/"),
        ("data.feeds=[{name: a, url: 'https://a.b/', kind: x}]", "data.feeds.0.kind", "'x'"),
        ("data.feeds=[{a: 1}]", "data.feeds.0", "a"),
        (
            "data.feeds=[{name: a, url: 'https://a.b/', kind: rss},"
            " {name: a, url: 'https://a.c/', kind: rss}]",
            "data.feeds",
            "a, a",
        ),
        ("data.start=yesterday", "data.start", "'yesterday'"),
        ("venue.leverage=0.5", "venue.leverage", "0.5"),
        ("venue.latency_ms=-1", "venue.latency_ms", "-1"),
        ("venue.taker_fee_percent=5", "venue.taker_fee_percent", "5"),
        ("predictor.kind=oracle", "predictor.kind", "'oracle'"),
        ("predictor.baseline.threshold=-1", "threshold", "-1"),
        ("predictor.baseline.momentum=momentum_7", "momentum_7", "momentum_7"),
        ("decision.stop_percent=500", "stop_percent", "500"),
        ("decision.entry=stop", "decision.entry", "'stop'"),
        ("decision.min_confidence=high", "decision.min_confidence", "'high'"),
        ("decision.sizing.max_size_percent=101", "max_size_percent", "101"),
        ("decision.take_profit_fractions=[0.5]", "take_profit_fractions", "0.5"),
        ("risk.max_open_plans=0", "max_open_plans", "0"),
        ("risk.max_open_plans=2.5", "risk.max_open_plans", "2.5"),
        ("risk.max_position_percent=.inf", "risk.max_position_percent", "inf"),
        ("risk.warn_drawdown_percent=50", "warn_drawdown_percent", "50"),
        ("journal.assessments=some", "journal.assessments", "'some'"),
        ("journal.equity_every_secs=0", "journal.equity_every_secs", "0"),
        ("report.trials=0", "report.trials", "0"),
        ("runs=5", "runs", "5"),
        ("data=5", "data", "5"),
        ("decision.sizing=5", "decision.sizing", "5"),
    ],
)
def test_a_wrong_value_is_told_with_its_setting(
    file: Path, override: str, name: str, value: str
) -> None:
    told = fault(file, override)
    assert name in told
    assert value in told


def test_a_span_that_ends_before_it_starts_is_refused(file: Path) -> None:
    told = fault(file, "data.start=2024-02-01", "data.end=2024-01-01")
    assert told.startswith("setting data: start must be before end, was 2024-02-01")


def test_a_supervisor_that_may_answer_too_late_to_be_acted_on_is_refused(file: Path) -> None:
    slow = "supervisor.deadline_secs=59.5"
    assert fault(file, "supervisor.source=scripted", slow).endswith(
        "supervisor.deadline_secs must be 0.5 s under decision.max_age_secs, or "
        "slow answers come too late to act on: was 59.5 with 60"
    )
    load_settings(file, overrides=["supervisor.source=off", slow])
    load_settings(file, overrides=["supervisor.source=scripted", "supervisor.deadline_secs=59"])


def test_times_without_a_zone_are_utc_and_others_are_turned(file: Path) -> None:
    settings = load_settings(
        file, overrides=["data.start=2024-01-01", "data.end=2024-01-02T00:00:00+05:00"]
    )
    assert str(settings.data.start) == "2024-01-01 00:00:00+00:00"
    assert str(settings.data.end) == "2024-01-01 19:00:00+00:00"


def test_several_faults_are_counted(file: Path) -> None:
    assert fault(file, "foo=1", "bar=2", "capital=0").endswith("(and 2 more faults)")


# ---------------------------------------------------------------- --set


@pytest.mark.parametrize("override", ["capital", "", "=5", ".=5", "data.=5", "=", ".", "capital 5"])
def test_what_is_no_assignment_is_refused(file: Path, override: str) -> None:
    assert fault(file, override) == f"--set takes a.b=c, was {override!r}"


@pytest.mark.parametrize("text", ["[", "'", "{a: ", "2024-13-01", "!!python/none", "\x00"])
def test_what_is_no_yaml_is_refused(file: Path, text: str) -> None:
    assert fault(file, f"data.start={text}").startswith("value of --set data.start is not YAML: ")


def test_a_field_of_something_that_has_none_is_refused(file: Path) -> None:
    assert fault(file, "capital.x=1") == "--set capital.x: capital has no fields"
    assert "capital" in fault(file, "capital.x.y=1")


def test_later_settings_win_and_equals_signs_belong_to_the_value(file: Path) -> None:
    settings = load_settings(file, overrides=["capital=5", "capital=6", "runs=a=b", " mode =paper"])
    assert (settings.capital, str(settings.runs)) == (Decimal(6), "a=b")


# ---------------------------------------------------------------- files


def test_a_chain_of_files_merges_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "base.yaml", {"capital": 1, "decision": {"stop_percent": 1, "sizing": {}}})
    write(
        tmp_path / "deep" / "middle.yaml",
        {
            "extends": "../base.yaml",
            "decision": {"sizing": {"horizon_bars": 5}},
            "mode": "backtest",
        },
    )
    last = write(
        tmp_path / "last.yaml",
        {"extends": "deep/middle.yaml", "decision": {"sizing": {"least_share": 0.5}}, "capital": 3},
    )
    settings = load_settings(last)
    assert (settings.capital, settings.mode) == (Decimal(3), "backtest")
    assert settings.decision.stop_percent == 1
    assert settings.decision.sizing.horizon_bars == 5
    assert settings.decision.sizing.least_share == 0.5


def test_a_list_replaces_a_list(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", {"decision": {"take_profit_percents": [1, 2, 3]}})
    path = write(
        tmp_path / "a.yaml",
        {"extends": "base.yaml", "decision": {"take_profit_percents": [4]}},
    )
    assert load_settings(path).decision.take_profit_percents == (Decimal(4),)


def test_a_chain_that_comes_back_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", {"extends": "b.yaml"})
    write(tmp_path / "b.yaml", {"extends": "./a.yaml"})
    assert fault(tmp_path / "a.yaml").endswith("a.yaml comes back to itself")
    write(tmp_path / "c.yaml", {"extends": "c.yaml"})
    assert fault(tmp_path / "c.yaml").endswith("c.yaml comes back to itself")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "must hold a mapping"),
        ("5", "must hold a mapping"),
        ("text", "must hold a mapping"),
        ("a: [", "is not YAML"),
        ("a: 2024-13-01", "is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("\x00", "is not YAML"),
        ("[" * 3_000, "is not YAML"),
        ("extends: 5", "must name a file, was 5"),
        ("extends: [a.yaml]", "must name a file"),
        ("extends: nowhere.yaml", "nowhere.yaml cannot be read: No such file"),
        ("extends: .", "cannot be read"),
        ("1: 2", "1"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    assert words in fault(write(tmp_path / "a.yaml", text))


def test_a_file_that_is_missing_or_not_text_is_named(tmp_path: Path) -> None:
    assert "none.yaml cannot be read: No such file" in fault(tmp_path / "none.yaml")
    (tmp_path / "raw.yaml").write_bytes(b"\xff\xfe\xfa")
    assert "raw.yaml is not YAML" in fault(tmp_path / "raw.yaml")


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path / "a.yaml", "")) == Settings()
