"""LiteLLM's config.yaml: what is read, what is refused, what is set on litellm."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import litellm
import pytest

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.errors import ConfigError

MODEL = "model_list:\n- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-1}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.fixture
def unchanged_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts back what :func:`settings.apply` sets."""
    for name in ("drop_params", "num_retries", "request_timeout", "request_timeout_explicitly_set"):
        monkeypatch.setattr(litellm, name, getattr(litellm, name))
    for name in ("custom_provider_map", "provider_list", "_custom_providers"):
        monkeypatch.setattr(litellm, name, list(getattr(litellm, name)))


def refusal(config: Path, text: str | bytes) -> str:
    """The message with which ``load`` refuses a file of this content."""
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        settings.load(config)
    message = str(caught.value)
    assert message.startswith(str(config)), "the message begins with the file"
    return message.removeprefix(str(config))


@pytest.mark.parametrize("empty", ["", None])
def test_without_a_path_the_demo_models_whatever_the_cwd(
    empty: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("a trap in the working directory")
    demo = settings.load(empty)
    assert demo.path == settings.demo_config_path()
    assert demo.path.is_absolute()
    assert {model["litellm_params"]["model"].split("/")[0] for model in demo.model_list} == {"demo"}
    assert demo.not_honoured == ()


def test_a_whole_config(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", "sk-from-environment")
    config.write_text(
        """
model_list:
- model_name: gpt
  litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/PLANTED_KEY, extra: [{deep: os.environ/PLANTED_KEY}]}
router_settings: {num_retries: 2, redis_password: os.environ/PLANTED_KEY}
litellm_settings: {drop_params: true, cache: true, callbacks: [x]}
general_settings: {master_key: sk-master}
guardrails: []
"""
    )
    loaded = settings.load(str(config))
    params = loaded.model_list[0]["litellm_params"]
    assert params["api_key"] == "sk-from-environment"
    assert params["extra"] == [{"deep": "sk-from-environment"}]
    assert loaded.router_settings == {"num_retries": 2, "redis_password": "sk-from-environment"}
    assert loaded.litellm_settings == {"drop_params": True}
    assert loaded.not_honoured == (
        *("general_settings", "guardrails"),
        *("litellm_settings.cache", "litellm_settings.callbacks"),
    )


def test_a_path_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(MODEL)
    assert settings.load("~/mine.yaml").path == tmp_path / "mine.yaml"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such file\. Set LITELLM_CONFIG"):
        settings.load(tmp_path / "absent.yaml")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*[Ii]s a directory"):
        settings.load(tmp_path)


def test_bytes_that_are_not_utf8(config: Path) -> None:
    assert "cannot be read" in refusal(config, b"model_list: [\xff]")


def test_a_yaml_error_names_line_and_column_and_no_key(config: Path) -> None:
    message = refusal(config, "model_list:\n- model_name: gpt\n  api_key: 'sk-planted-2' rubbish: [\n")
    assert message.startswith(", line 3, column 27: not YAML: ")
    assert "planted" not in message
    assert "rubbish" not in message


@pytest.mark.parametrize(
    "value", ["*hunter2secret", "&hunter2secret a\nb: &hunter2secret c", "!hunter2secret", "!hunter2secret!x y"]
)
def test_a_password_that_yaml_takes_for_a_mark_is_not_shown(config: Path, value: str) -> None:
    message = refusal(config, f"model_list: []\npassword: {value}\n")
    assert re.match(r", line [23], column \d+: not YAML: ", message)
    assert "hunter2secret" not in message


@pytest.mark.parametrize("text", ["", "- a", "just words", "42"])
def test_no_mapping(config: Path, text: str) -> None:
    assert "must be a YAML mapping with a `model_list`" in refusal(config, text)


@pytest.mark.parametrize("text", ["model_list:\n", "model_list: []\n", "litellm_settings: {}\n"])
def test_no_models_is_a_warning(config: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    config.write_text(text)
    assert settings.load(config).model_list == []
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "`model_list` is empty" in record.getMessage()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_list: {a: b}", "`model_list` must be a list"),
        ("router_settings: [a]", "`router_settings` must be a mapping"),
        ("litellm_settings: text", "`litellm_settings` must be a mapping"),
        ("model_list: [gpt]", "model_list[0]: must be a mapping with `model_name` and `litellm_params`"),
        ("model_list: [{litellm_params: {model: m}}]", "model_list[0]: `model_name` is missing"),
        ("model_list: [{model_name: 5, litellm_params: {model: m}}]", "model_list[0]: `model_name` is missing"),
        ("model_list: [{model_name: gpt}]", "model_list[0] (gpt): `litellm_params.model` is missing"),
        ("model_list: [{model_name: gpt, litellm_params: {}}]", "(gpt): `litellm_params.model` is missing"),
        ("model_list: [{model_name: gpt, litellm_params: x}]", "(gpt): `litellm_params.model` is missing"),
        (
            "model_list: [{model_name: gpt, litellm_params: {model: m}, model_info: [x]}]",
            "model_list[0] (gpt): `model_info` must be a mapping",
        ),
    ],
)
def test_a_wrong_shape_is_named(config: Path, text: str, words: str) -> None:
    assert words in refusal(config, text)


@pytest.mark.parametrize("value", [None, ""])
def test_an_unset_variable_names_model_and_variable(
    config: Path, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLANTED_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("PLANTED_KEY", value)
    message = refusal(config, MODEL.replace("sk-planted-1", "os.environ/PLANTED_KEY"))
    assert "model_list[0] (gpt).litellm_params.api_key: the environment variable PLANTED_KEY is not set" in message
    assert "export PLANTED_KEY=" in message


@pytest.mark.usefixtures("unchanged_litellm")
def test_apply_sets_litellms_globals(config: Path) -> None:
    config.write_text(MODEL + "litellm_settings: {drop_params: true, num_retries: 7, request_timeout: '11'}\n")
    settings.apply(settings.load(config))
    assert litellm.drop_params is True
    assert litellm.num_retries == 7
    assert litellm.request_timeout == 11.0
    assert getattr(litellm, "request_timeout_explicitly_set") is True  # noqa: B009


def test_a_request_timeout_that_is_no_number(config: Path) -> None:
    config.write_text(MODEL + "litellm_settings: {request_timeout: soon}\n")
    with pytest.raises(ConfigError, match=r"litellm_settings\.request_timeout"):
        settings.apply(settings.load(config))


@pytest.mark.parametrize("key", ["completion", "acompletion", "Router", "utils", "no_such_setting"])
def test_a_key_cannot_overwrite_what_litellm_is_made_of(
    config: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = getattr(litellm, key, None)
    config.write_text(MODEL + f"litellm_settings: {{{key}: planted}}\n")
    settings.apply(settings.load(config))
    assert getattr(litellm, key, None) is before
    assert f"litellm_settings.{key}" in caplog.text


@pytest.mark.usefixtures("unchanged_litellm")
def test_one_warning_names_all_that_is_not_honoured(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    config.write_text(
        MODEL
        + "general_settings: {master_key: sk-planted-2}\n"
        + "litellm_settings: {cache: true, drop_params: true, nonsense: 1}\n"
        + "router_settings: {num_retries: 1, made_up: 2}\n"
    )
    settings.apply(settings.load(config))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"{config}: not honoured by the embedded router: general_settings, litellm_settings.cache, "
        "litellm_settings.nonsense, router_settings.made_up."
    )


@pytest.mark.usefixtures("unchanged_litellm")
def test_a_budget_that_litellm_counts_nothing_against_is_named(
    config: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of its proxy LiteLLM compares `max_budget` with a cost that it never raises."""
    monkeypatch.setattr(litellm, "max_budget", litellm.max_budget)
    config.write_text(MODEL + "litellm_settings: {max_budget: 5}\n")
    settings.apply(settings.load(config))
    assert "litellm_settings.max_budget" in caplog.text


@pytest.mark.usefixtures("unchanged_litellm")
def test_all_honoured_is_no_warning(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    config.write_text(MODEL + "litellm_settings: {drop_params: true}\nrouter_settings: {num_retries: 1}\n")
    settings.apply(settings.load(config))
    assert caplog.records == []


def test_router_arguments() -> None:
    known = settings.router_arguments()
    assert {"num_retries", "fallbacks", "routing_strategy", "cooldown_time"} <= known
    assert "model_list" not in known


@pytest.mark.usefixtures("unchanged_litellm")
def test_a_custom_handler_beside_the_config_file(config: Path) -> None:
    (config.parent / "planted_handler.py").write_text(
        "from litellm import CustomLLM\nclass Handler(CustomLLM): pass\nhandler = Handler()\n"
    )
    config.write_text(
        MODEL + "litellm_settings: {custom_provider_map: [{provider: mine, custom_handler: planted_handler.handler}]}\n"
    )
    settings.apply(settings.load(config))
    (item,) = litellm.custom_provider_map
    assert item["provider"] == "mine"
    assert type(item["custom_handler"]).__name__ == "Handler"
    assert "mine" in litellm.provider_list


@pytest.mark.usefixtures("unchanged_litellm")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("handler", "must be a list"),
        ("[handler]", "each entry needs `provider` and `custom_handler`"),
        ("[{provider: mine}]", "each entry needs `provider` and `custom_handler`"),
        ("[{provider: mine, custom_handler: no_such_module.handler}]", "'no_such_module.handler' cannot be imported"),
        ("[{provider: mine, custom_handler: json.no_such_name}]", "'json.no_such_name' cannot be imported"),
        ("[{provider: mine, custom_handler: 5}]", "'5' cannot be imported"),
        ("[{provider: mine, custom_handler: handler}]", "Give module.instance"),
        ("[{provider: mine, custom_handler: broken.handler}]", "'broken.handler' cannot be imported"),
    ],
)
def test_a_bad_custom_handler(config: Path, value: str, words: str) -> None:
    (config.parent / "broken.py").write_text("this is no Python\n")
    config.write_text(MODEL + f"litellm_settings: {{custom_provider_map: {value}}}\n")
    with pytest.raises(ConfigError) as caught:
        settings.apply(settings.load(config))
    assert str(caught.value).startswith(f"{config}: litellm_settings.custom_provider_map: ")
    assert words in str(caught.value)
