"""``include:`` as LiteLLM merges it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from litellm.proxy.common_utils.config_includes import resolve_include_file_path, resolve_includes

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.errors import ConfigError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "config.yaml"


def litellms_own(path: Path) -> Mapping[str, Any]:
    """The same files, merged by LiteLLM."""
    contents = {str(file): yaml.safe_load(file.read_text()) or {} for file in path.parent.rglob("*.yaml")}

    async def read(location: str) -> Mapping[str, Any]:
        return contents[location]

    def resolve(entry: str, declared_in: str) -> str:
        return resolve_include_file_path(entry, declared_in, str(path))

    return asyncio.run(resolve_includes(yaml.safe_load(path.read_text()), str(path), resolve, read))


def model(name: str, **params: Any) -> str:
    return str({"model_name": name, "litellm_params": {"model": f"openai/{name}", **params}})


def test_nested_includes_are_merged_as_litellm_merges_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config=f"""
include: [sub/one.yaml, two.yaml]
model_list: [{model("root")}]
litellm_settings: {{num_retries: 1}}
""",
        sub__one=f"""
include: [three.yaml, two.yaml]
model_list: [{model("one")}]
litellm_settings: {{drop_params: true}}
""",
        sub__three=f"model_list: [{model('three')}]\nrouter_settings: {{num_retries: 3}}",
        two=f"model_list: [{model('two')}]\nrouter_settings: {{num_retries: 2}}",
        empty="",
    )
    loaded = settings.load(path)
    expected = litellms_own(path)
    assert loaded.model_list == expected["model_list"]
    assert loaded.litellm_settings == expected["litellm_settings"] == {"drop_params": True}
    assert loaded.router_settings == expected["router_settings"]
    assert [model["model_name"] for model in loaded.model_list] == ["root", "one", "two", "three"]
    assert loaded.files == (path, tmp_path / "sub" / "one.yaml", tmp_path / "two.yaml", tmp_path / "sub" / "three.yaml")
    assert loaded.unknown == ()


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config=f"include: [more.yaml]\nmodel_list: [{model('a')}]\n",
        more=f"model_list:\n- {model('b')}\n- model_name: c\n",
    )
    with pytest.raises(ConfigError) as caught:
        settings.load(path)
    assert str(caught.value).startswith(f"{tmp_path / 'more.yaml'}, line 3: model_list[2] (c): ")


def test_an_included_section_that_takes_the_place_of_another_has_its_own_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config=f"model_list: [{model('a')}]\nrouter_settings: {{num_retries: 1}}\ninclude: [more.yaml]",
        more="\n\n\nrouter_settings:\n  num_retries: x\n",
    )
    with pytest.raises(ConfigError, match=r"more\.yaml, line 5: router_settings\.num_retries"):
        settings.load(path)


def test_a_missing_file_names_the_line_that_includes_it(tmp_path: Path) -> None:
    path = write(tmp_path, config="model_list: []\ninclude:\n- a.yaml\n- gone.yaml\n", a="")
    with pytest.raises(ConfigError) as caught:
        settings.load(path)
    assert str(caught.value) == (f"{path}, line 4: include: {tmp_path / 'gone.yaml'}: no such file. Correct the path.")


@pytest.mark.parametrize("value", ["a.yaml", "[5]", "{a: b}", "null", '["a\\0"]'])
def test_an_include_that_is_no_list_of_paths(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, config=f"model_list: []\ninclude: {value}\n", a="")
    with pytest.raises(ConfigError, match=r"config\.yaml, line 2: include: must be a list of file paths"):
        settings.load(path)


def test_an_included_file_that_is_no_mapping(tmp_path: Path) -> None:
    path = write(tmp_path, config="include: [a.yaml]\n", a="- x")
    with pytest.raises(ConfigError, match=r"a\.yaml: an included file must be a YAML mapping"):
        settings.load(path)


def test_a_circle_is_read_once_as_in_litellm_and_named(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config=f"include: [a.yaml]\nmodel_list: [{model('root')}]",
        a=f"model_list: [{model('a')}]\ninclude:\n- b.yaml\n",
        b=f"include:\n- config.yaml\nmodel_list: [{model('b')}]",
    )
    loaded = settings.load(path)
    assert loaded.model_list == litellms_own(path)["model_list"]
    (warning,) = loaded.warnings
    assert (
        str(warning) == f"{tmp_path / 'b.yaml'}, line 2: include: config.yaml includes itself here. Take the line out."
    )


def test_a_file_beside_the_first_one_is_found_from_a_folder(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        config="include: [sub/one.yaml]",
        sub__one="include: [beside.yaml]",
        beside=f"model_list: [{model('found')}]",
    )
    assert settings.load(path).model_list == litellms_own(path)["model_list"] != []
