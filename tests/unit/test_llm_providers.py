"""Providers as data: presets, checks, and where a key may go."""

import re
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from morningstar_strategy.supervisor.providers import (
    PRESETS,
    Mode,
    ProviderSpec,
    WireProtocol,
    preset,
    with_preset,
)

SPEC: dict[str, Any] = {"name": "mine", "model": "m", "base_url": "https://llm.example/v1"}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_provider(name: str) -> None:
    spec = preset(name, **({} if "model" in PRESETS[name] else {"model": "mine"}))
    assert (spec.name, spec.max_tokens) == (name, 700)
    assert (spec.key_env is None) == (spec.base_url or "").startswith("http://127.0.0.1")


def test_the_default_is_qwen_with_a_key_of_dashscope() -> None:
    spec = preset("qwen")
    assert (spec.key_env, spec.mode) == ("DASHSCOPE_API_KEY", Mode.JSON_OBJECT)


def test_settings_name_a_preset_change_it_or_spell_everything_out() -> None:
    assert with_preset("qwen") == with_preset({"preset": "qwen"})
    changed = with_preset({"preset": "qwen", "model": "qwen-plus", "name": "second"})
    assert (changed["model"], changed["name"]) == ("qwen-plus", "second")
    assert with_preset(SPEC) == SPEC


def test_a_provider_is_read_from_settings() -> None:
    read = TypeAdapter(ProviderSpec).validate_python(with_preset("anthropic"))
    assert read == preset("anthropic")
    assert read.protocol is WireProtocol.ANTHROPIC
    with pytest.raises(ValidationError, match="max_tokens"):
        TypeAdapter(ProviderSpec).validate_python({**SPEC, "max_tokens": 0})


@pytest.mark.parametrize("value", ["sk-secret", {"preset": "sk-secret"}, {"preset": 7}])
def test_an_unknown_preset_is_refused_unseen_with_the_known_ones(value: Any) -> None:
    with pytest.raises(ValueError, match=r"qwen, deepseek.*, was (a text of 9|of type)") as caught:
        with_preset(value)
    assert "sk-secret" not in str(caught.value)


def test_a_preset_with_unknown_fields_or_without_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="modle"):
        preset("qwen", modle="x")
    with pytest.raises(ValueError, match="model must be given"):
        preset("vllm")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Qwen Max"}, "name must be"),
        ({"model": ""}, "model must name"),
        ({"model": " m"}, "model must name"),
        ({"max_tokens": 0}, "was 0"),
        ({"max_tokens": 20_000}, "was 20000"),
        ({"temperature": float("nan")}, "was nan"),
        ({"temperature": -0.1}, "was -0.1"),
        ({"base_url": "ftp://llm.example"}, "was 'ftp:"),
        ({"base_url": "llm.example/v1"}, "was a text of 14 characters"),
        *(
            ({"base_url": url}, f"base_url must be an http.* address, .*was {re.escape(repr(url))}")
            for url in (
                "https://host:abc/v1",
                "https://host:99999/v1",
                "https://host:0/v1",
                "https://-é.com/v1",
                "https://-host/v1",
                "https://ho st/v1",
                "https://host/v1\0",
                "https://ho\tst/v1",
                "https://[::1/v1",
                "https://a..b/v1",
                "https:///v1",
            )
        ),
        ({"base_url": "http://llm.example/v1", "key_env": "KEY"}, "must be https"),
        ({"base_url": "http://10.0.0.7/v1", "key_env": "KEY"}, "must be https"),
        ({"protocol": WireProtocol.ANTHROPIC, "mode": Mode.JSON_OBJECT}, "native or prompted"),
    ],
)
def test_a_provider_that_makes_no_sense_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ProviderSpec(**{**SPEC, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"key_env": "sk-secret"},
        {"base_url": "https://user:sk-secret@llm.example/v1"},
        {"base_url": "https://llm.example/v1?key=sk-secret"},
        {"base_url": "https://llm.example/v1#sk-secret"},
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_unseen(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of mine must") as caught:
        ProviderSpec(**{**SPEC, **changes})
    assert "sk-secret" not in str(caught.value)


def refusal_of(url: str) -> str:
    try:
        ProviderSpec(**{**SPEC, "base_url": url})
    except ValueError as e:
        return str(e)
    return ""


@given(
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["https", "http", "HTTPS", "ftp", ""]),
        st.one_of(
            st.text(max_size=12),
            st.from_regex(r"[a-z0-9_.:%\[\]-]{1,12}", fullmatch=True),
            st.sampled_from(
                ["llm.example", "1.2.3.4", "1.2.3.444", "[::1]", "[::];", "xn--a", "a" * 64]
            ),
        ),
        st.one_of(st.just(""), st.integers(-1, 70_000).map(":{}".format)),
        st.one_of(st.just("/v1"), st.text(max_size=6)),
    )
)
def test_an_address_is_refused_in_a_sentence_or_is_one_that_can_be_asked(url: str) -> None:
    refusal = refusal_of(url)
    if refusal:
        assert refusal.startswith("base_url ")
        assert "\n" not in refusal
        assert len(refusal) < 400
        return
    asked = httpx2.Request("POST", url.rstrip("/") + "/chat/completions")
    assert asked.url.scheme in ("http", "https")
    assert asked.url.host


@pytest.mark.parametrize("field", ["api_key", "Authorization", "access-token"])
def test_a_key_has_no_place_among_the_fields_of_a_request(field: str) -> None:
    with pytest.raises(ValueError, match=f"must hold no {field}") as caught:
        ProviderSpec(**{**SPEC, "extra_body": {field: "sk-canary"}})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_key_may_go_to_this_machine_unencrypted(host: str) -> None:
    ProviderSpec(**{**SPEC, "base_url": f"http://{host}:8000/v1", "key_env": "KEY"})


def test_a_keyless_server_of_the_house_needs_no_encryption() -> None:
    ProviderSpec(**{**SPEC, "base_url": "http://10.0.0.7:8000/v1"})


@pytest.mark.parametrize("value", [None, "", "  ", "two words", "new\nline", "schlüssel"])
def test_a_missing_or_odd_key_is_refused_unseen(value: str | None) -> None:
    spec = ProviderSpec(**{**SPEC, "key_env": "MY_KEY"})
    with pytest.raises(ValueError, match="MY_KEY") as caught:
        spec.key({} if value is None else {"MY_KEY": value})
    assert not (value or "").strip() or str(value) not in str(caught.value)


def test_a_key_is_read_without_the_space_around_it() -> None:
    assert ProviderSpec(**{**SPEC, "key_env": "MY_KEY"}).key({"MY_KEY": "abc\n"}) == "abc"
    assert ProviderSpec(**SPEC).key({"MY_KEY": "abc"}) is None


def test_a_provider_keeps_its_own_extra_fields_and_can_be_written_down() -> None:
    extra = {"seed": 7}
    spec = ProviderSpec(**{**SPEC, "extra_body": extra})
    extra["seed"] = 8
    assert spec.extra_body == {"seed": 7}
    adapter = TypeAdapter(ProviderSpec)
    assert adapter.validate_json(adapter.dump_json(spec)) == spec
