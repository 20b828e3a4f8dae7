"""A config file: what can be read, what is refused and in which words."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.errors import ConfigError
from llama_stack_provider_litellm.settings import reading
from tests.settings.conftest import MODEL, Refusal


@pytest.mark.parametrize("empty", ["", None])
def test_without_a_path_the_demo_models_whatever_the_cwd(
    empty: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("a trap in the working directory")
    demo = settings.load(empty)
    assert demo.path == settings.demo_config_path()
    assert demo.path.is_absolute()
    assert demo.files == (demo.path,)
    assert {model["litellm_params"]["model"].split("/")[0] for model in demo.model_list} == {"demo"}
    assert (demo.needs_proxy, demo.unknown, demo.warnings) == ((), (), ())


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


def test_a_path_that_is_none() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        settings.load("a\0b.yaml")


def test_bytes_that_are_not_utf8(refusal: Refusal) -> None:
    assert refusal(b"model_list:\n- \xff") == ", line 2: cannot be read: not UTF-8. Save the file as UTF-8."


def test_a_huge_file(refusal: Refusal) -> None:
    assert refusal(MODEL + "# " + "x" * reading.MOST_BYTES).startswith(": larger than 10 MB: ")


def test_a_file_without_end() -> None:
    with pytest.raises(ConfigError, match=r"/dev/zero: larger than 10 MB"):
        settings.load("/dev/zero")


def test_a_yaml_error_names_line_and_column_and_no_key(refusal: Refusal) -> None:
    message = refusal("model_list:\n- model_name: gpt\n  api_key: 'sk-planted-2' rubbish: [\n")
    assert message.startswith(", line 3, column 27: not YAML: ")
    assert "planted" not in message
    assert "rubbish" not in message


@pytest.mark.parametrize(
    "value", ["*hunter2secret", "&hunter2secret a\nb: &hunter2secret c", "!hunter2secret", "!hunter2secret!x y"]
)
def test_a_password_that_yaml_takes_for_a_mark_is_not_shown(refusal: Refusal, value: str) -> None:
    message = refusal(f"model_list: []\npassword: {value}\n")
    assert re.match(r", line [23], column \d+: not YAML: ", message)
    assert "hunter2secret" not in message


@pytest.mark.parametrize("text", ["", "- a", "just words", "42"])
def test_no_mapping(refusal: Refusal, text: str) -> None:
    assert "must be a YAML mapping with a `model_list`" in refusal(text)


@pytest.mark.parametrize("value", ["2024-13-45", "!!bool maybe", "!!int ''", "!!float x"])
def test_a_value_that_does_not_exist(refusal: Refusal, value: str) -> None:
    assert refusal(f"model_list: []\nx: {value}").startswith(", line 2, column 4: not YAML: a value that its form")


def test_a_character_that_yaml_does_not_have(refusal: Refusal) -> None:
    assert refusal("model_list: []\nx: '\x07'") == ", line 2: not YAML: a character that YAML does not allow."


def test_a_half_written_file(refusal: Refusal) -> None:
    words = ": model_list[0] (gpt): `litellm_params.model` is missing"
    assert words in refusal("model_list:\n- model_name: gpt\n  litellm_params:\n")


def test_a_key_that_is_written_twice(config: Path) -> None:
    config.write_text(MODEL + "litellm_settings:\n  drop_params: true\n  num_retries: 1\n  drop_params: false\n")
    loaded = settings.load(config)
    assert loaded.litellm_settings["drop_params"] is False
    (warning,) = loaded.warnings
    assert str(warning) == (
        f"{config}, line 6: drop_params: is written twice in one mapping, first in line 4: the last one counts. "
        "Take one of them out."
    )


def test_merge_keys_and_aliases_as_in_a_proxy(config: Path) -> None:
    config.write_text(
        "x-common: &common {api_key: sk-planted-1, timeout: 5}\n"
        "model_list:\n"
        "- {model_name: a, litellm_params: {<<: *common, model: openai/a, timeout: 7}}\n"
        "- {model_name: b, litellm_params: {<<: *common, model: openai/b}}\n"
    )
    a, b = settings.load(config).model_list
    assert a["litellm_params"] == {"model": "openai/a", "api_key": "sk-planted-1", "timeout": 7}
    assert b["litellm_params"] == {"model": "openai/b", "api_key": "sk-planted-1", "timeout": 5}


@pytest.mark.parametrize("merge", [False, True])
def test_aliases_that_would_grow_without_end(refusal: Refusal, merge: bool) -> None:
    lines = ["a0: &a0 {x: 1}" if merge else "a0: &a0 [x, x]"]
    for level in range(1, 60):
        twice = f"*a{level - 1}, *a{level - 1}"
        lines.append(f"a{level}: &a{level} " + (f"{{<<: [{twice}]}}" if merge else f"[{twice}]"))
    started = time.monotonic()
    text = "\n".join(lines)
    if merge:
        # Merged, equal keys are one.
        assert "`model_name` is missing" in refusal(f"{text}\nmodel_list: [*a59]")
    else:
        assert "once its aliases are followed" in refusal(text)
    assert time.monotonic() - started < 30


def test_an_alias_of_what_it_stands_in(refusal: Refusal) -> None:
    assert refusal("model_list: []\nx: &x [[*x]]").startswith(", line 2: x[0][0]: an alias refers to what it stands in")


def test_lists_in_lists_in_lists(refusal: Refusal) -> None:
    assert "nested too deeply" in refusal("x: " + "[" * 5000)


def test_all_errors_at_once_each_with_its_line(refusal: Refusal, config: Path) -> None:
    first, second, third = refusal(
        "model_list:\n- model_name: a\n- model_name: b\n  litellm_params: {model: x/y, rpm: -1}\n"
        "router_settings:\n  num_retries: many\n"
    ).splitlines()
    assert first.startswith(", line 2: model_list[0] (a): `litellm_params.model` is missing")
    assert second == (
        f"{config}, line 6: router_settings.num_retries: must be a whole number, 0 or more, not 'many'. "
        "Correct it or take it out."
    ) or third.startswith(f"{config}, line 6: ")
    assert f"{config}, line 4: model_list[1] (b).litellm_params.rpm: " in f"{second}\n{third}"


def test_reading_needs_no_litellm(config: Path) -> None:
    import subprocess
    import sys

    config.write_text(MODEL)
    code = (
        "import sys; sys.modules['litellm'] = None\n"
        "from llama_stack_provider_litellm import settings\n"
        f"print(settings.load({str(config)!r}).model_list[0]['model_name'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "gpt\n", done.stderr
