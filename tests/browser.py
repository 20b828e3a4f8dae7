"""A browser without a window."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.processes import required

_QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Milliseconds that a page's own clock runs on, as fast as it can.
_TIME = 8000


def dom(url: str, *, dark: bool = False, width: int = 1280) -> str:
    """The page as it is after its scripts have run."""
    return _run(url, "--dump-dom", dark=dark, size=(width, 2000))


def picture(url: str, file: Path, *, dark: bool = False, size: tuple[int, int] = (1280, 2000)) -> None:
    """Take a picture of a page."""
    _run(url, f"--screenshot={file}", dark=dark, size=size)


def _run(url: str, *wanted: str, dark: bool, size: tuple[int, int]) -> str:
    program = required("chromium", "Debian package chromium")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [
                *(program, *_QUIET, f"--user-data-dir={profile}", f"--virtual-time-budget={_TIME}"),
                *(f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--window-size={size[0]},{size[1]}"),
                *(*wanted, url),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
