"""The files that come with the package, in a wheel and in the sources that a wheel is made of."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from llama_stack_provider_litellm.cli.packaged import packaged
from tests.processes import ROOT

FILES = (
    *(f"requirements/{name}.txt" for name in ("llama-stack-0.2", "llama-stack-0.7", "ogx-1.4", "ogx-1.5")),
    *(f"run_configs/{name}run.yaml" for name in ("", "llama-stack-0.7/", "ogx/")),
)
WHERE = "from llama_stack_provider_litellm.cli.packaged import packaged; print(packaged('requirements'))"


@pytest.mark.parametrize("file", FILES)
def test_the_checkout_has_them(file: str) -> None:
    folder, _, name = file.partition("/")
    assert packaged(folder) / name == ROOT / file
    assert (ROOT / file).is_file()


def test_a_wheel_has_them_and_finds_its_own(tmp_path: Path) -> None:
    build(tmp_path, "wheel")
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "unpacked", "zip")
    inside = tmp_path / "unpacked" / "llama_stack_provider_litellm"
    for file in FILES:
        assert (inside / file).read_bytes() == (ROOT / file).read_bytes()
    environment = {"PYTHONPATH": str(tmp_path / "unpacked")}
    done = subprocess.run(
        [sys.executable, "-c", WHERE], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == inside / "requirements"


def test_a_wheel_can_be_made_of_the_sources(tmp_path: Path) -> None:
    build(tmp_path, "sdist")
    (sources,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert set(FILES) <= names


def build(folder: Path, target: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
