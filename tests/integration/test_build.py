"""`llama stack build` with our build file, both ways of naming the environment; an environment that is made without it;
and a request to each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from tests import line
from tests.differences import needs
from tests.integration.conftest import litellm_config
from tests.line import HOST
from tests.processes import BIN, ROOT
from tests.readme import README, scripts, without
from tests.stack import Stack
from tests.upstream.process import Upstream

pytestmark = [
    pytest.mark.long,
    pytest.mark.embedded_only("it installs the stack, which has every mode"),
]

Shell = Callable[[str], str]
# What the shell that runs the tests may have set for other work. The worst is UV_PYTHON: `uv pip install`
# would write into that interpreter and not into the environment.
STEERING = {"PYENV_VERSION", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"} | {
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_CONSTRAINT",
    "UV_FIND_LINKS",
}

# The README's own words, less what the fixtures and the request below do.
INTO_ACTIVE, BY_NAME = (without(script, "make wheel", "llama stack run") for script in scripts("llama stack build"))


@pytest.fixture(scope="module")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`dist/`, with the wheel in it."""
    folder = tmp_path_factory.mktemp("wheel") / "dist"
    build = ["uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", folder, ROOT], env=_environment(folder.parent), check=True)
    return folder


@pytest.fixture
def shell(tmp_path: Path, wheel_folder: Path) -> Shell:
    """Runs a script in a folder that looks like the repository after `make wheel`, and returns all that it wrote."""
    for name in (".python-version", "distribution", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "dist").symlink_to(wheel_folder)

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=_environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@needs("llama stack build")
def test_build_into_the_active_environment(shell: Shell, tmp_path: Path, upstream: Upstream, word: str) -> None:
    _check_build(shell(INTO_ACTIVE), tmp_path / "stack")
    config = tmp_path / "config.yaml"
    config.write_text(litellm_config(upstream))
    answer = _ask(tmp_path, tmp_path / "stack", "litellm/gpt", f"repeat {word}", LITELLM_CONFIG=str(config))
    assert word in answer


@needs("llama stack build")
def test_build_by_name(shell: Shell, tmp_path: Path, word: str) -> None:
    _check_build(shell(BY_NAME), tmp_path / "llama-stack-litellm")
    # Without a LiteLLM config the stack has the demo models.
    assert word in _ask(tmp_path, tmp_path / "llama-stack-litellm", "litellm/demo-chat", f"Please repeat: {word}")


# Which lock and which extra are for which server.
OWN = {
    "0.2": ("llama-stack-0.2.txt", "distribution"),
    "0.7": ("llama-stack-0.7.txt", "distribution-0.7"),
    "ogx14": ("ogx-1.4.txt", "distribution-ogx"),
    "ogx15": ("ogx-1.5.txt", "distribution-ogx"),
}


def test_an_environment_without_a_build(shell: Shell, tmp_path: Path, word: str) -> None:
    """What the README says of 0.7, done for the server that is installed here."""
    lock, extra = OWN[HOST]
    assert f"`{lock}`" in README.read_text() and f"`{extra}`" in README.read_text()
    script = scripts("Which Llama Stack")[-1]
    start = "my-stack/bin/llama-stack-litellm up"
    script = without(script, "make wheel", start).replace(".venv/bin/uv", "uv")
    for shown, here in zip(OWN["0.7"], (lock, extra), strict=True):
        assert shown in script
        script = script.replace(shown, here)
    shell(script)
    stack = Stack(tmp_path, {}, [str(tmp_path / start.split()[0]), "up"])
    try:
        stack.start()
        body = {"model": "litellm/demo-chat", "messages": [{"role": "user", "content": f"Please repeat: {word}"}]}
        assert word in httpx.post(f"{stack.openai_url}/chat/completions", json=body, timeout=30).text
    finally:
        stack.stop()
    list_of = ["uv", "pip", "list", "--python", str(tmp_path / "my-stack")]
    found = subprocess.check_output(list_of, env=_environment(tmp_path), text=True)
    for name in ("litellm", "openai", "fastapi"):
        assert re.search(rf"^{name} +{re.escape(version(name))}$", found, re.M), found


def _check_build(output: str, environment: Path) -> None:
    # The build reports a spec that it cannot import, and carries on without its packages.
    assert "Error getting provider spec" not in output
    script = (
        "import sys, importlib.metadata as m;"
        "print(*sys.version_info[:2], *(f'{d.name}=={d.version}' for d in m.distributions()))"
    )
    found = subprocess.check_output([environment / "bin" / "python", "-c", script], text=True).split()
    assert found[:2] == ["3", "12"]
    assert {"llama_stack==0.2.24", "litellm==1.106.2", "llama-stack-provider-litellm==0.1.0"} <= set(found)
    assert not [name for name in found if name.startswith(("torch==", "nvidia-"))]
    # Installed from the wheel: nothing of it points back here.
    assert str(ROOT) not in subprocess.check_output(
        [environment / "bin" / "python", "-c", "import sys; print(sys.path)"], text=True
    )


def _ask(folder: Path, environment: Path, model: str, text: str, **env: str) -> str:
    command = [str(environment / "bin" / "llama"), "stack", "run", str(line.run_config())]
    stack = Stack(folder, env, command)
    try:
        stack.start()
        answer = stack.openai().chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    finally:
        stack.stop()
    return answer.choices[0].message.content or ""


def _environment(home: Path) -> dict[str, str]:
    """A fresh user's, but for uv's settings and cache: nothing that is there already is fetched again."""
    kept = {key: value for key, value in os.environ.items() if key not in STEERING}
    # uv is in the environment of 0.2 alone.
    path = os.pathsep.join([str(BIN), str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
    cache = subprocess.check_output(["uv", "cache", "dir"], env={**os.environ, "PATH": path}, text=True).strip()
    settings = os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    return {**kept, "PATH": path, "HOME": str(home), "UV_CACHE_DIR": cache, "XDG_CONFIG_HOME": settings}
