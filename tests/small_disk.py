"""A disk that is soon full."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(size: int) -> Iterator[Path]:
    """A file system of ``size`` bytes, in memory; only root may make one."""
    folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if made.returncode:
        folder.rmdir()
        why = f"no file system can be mounted here: {made.stderr.strip()}"
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
