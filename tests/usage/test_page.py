"""The usage report, as a browser shows it."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.errors import ConfigError
from llama_stack_provider_litellm.usage.call import Call
from llama_stack_provider_litellm.usage.database import Database
from llama_stack_provider_litellm.usage.page import page
from tests import browser
from tests.usage.records import a_call, written

CHARTS = 6
EVIL = "</script><img src=x onerror=alert(1)>"


def calls(count: int = 400) -> list[Call]:
    rng = random.Random(1)
    made = []
    for number in range(count):
        caller = Caller(user=rng.choice(["ann", "bob", EVIL]))
        call = a_call(rng.choice(["gpt", "claude", "local", EVIL]), caller=caller, stream=number % 2 == 0)
        call.started_at, call.duration_seconds = time.time() - rng.random() * 7 * 86400, rng.random()
        call.engine, call.deployment, call.input_tokens, call.output_tokens = "proxy", EVIL, 10, 5
        if number % 9 == 0:
            call.status, call.error = 429, "rate_limit_exceeded"
        elif call.model != "local":
            call.cost_usd = rng.random() / 50
        made.append(call)
    return made


def html_of(settings: UsageSettings) -> str:
    database = Database(settings, reads=True)
    try:
        with database.engine.connect() as connection:
            return page(connection, None, source="somewhere")
    finally:
        database.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = UsageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('usage')}/usage.db")
    written(settings, calls())
    return html_of(settings)


@contextmanager
def served(folder: Path, **pages: str) -> Iterator[tuple[str, list[str]]]:
    """Pages on a web server: its address, and the paths that it is asked for."""
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text)
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# The page in a frame as wide as a phone, and what it looks like from outside.
PHONE = """<iframe src="report.html" style="width:390px;height:3000px;border:0"></iframe><pre id=told></pre><script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll(".main-svg")].filter(one => one.getBoundingClientRect().right > 390);
  told.textContent = `width ${root.scrollWidth} overflowing ${wide.length} charts ` +
    `${page.querySelectorAll(".js-plotly-plot .main-svg:first-child").length} back ` +
    getComputedStyle(page.body).backgroundColor + " text " +
    page.querySelector(".xtick text").style.fill;
};
</script>"""


@pytest.mark.parametrize(
    ("dark", "back", "text"),
    [(False, "rgb(245, 246, 248)", "rgb(28, 35, 48)"), (True, "rgb(18, 21, 27)", "rgb(230, 233, 239)")],
    ids=["light", "dark"],
)
def test_on_a_phone(report: str, tmp_path: Path, dark: bool, back: str, text: str) -> None:
    with served(tmp_path, report=report, phone=PHONE) as (url, asked):
        told = browser.dom(f"{url}/phone.html", dark=dark, width=600)
    assert f"width 390 overflowing 0 charts {CHARTS} back {back} text {text}" in told, told[-600:]
    assert set(asked) - {"/favicon.ico"} == {"/phone.html", "/report.html"}, "it fetches nothing"


def test_names_of_callers_are_text(report: str, tmp_path: Path) -> None:
    with served(tmp_path, report=report) as (url, _):
        shown = browser.dom(f"{url}/report.html")
    assert "<img" not in shown.replace("<img>", "").split("</head>")[1]
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in shown


class Outside(HTMLParser):
    """Notes whatever a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [f"{tag} {value}" for name, value in attrs if name in ("src", "href", "srcset", "data")]


def test_it_holds_all_that_it_needs(report: str) -> None:
    parser = Outside()
    parser.feed(report)
    assert parser.loads == []
    assert "default-src 'none'" in report


def test_what_it_says(report: str) -> None:
    text = re.sub(r"<script.*?</script>", "", report, flags=re.S)
    for words in ("Cost per day, by model", "Tokens per day", "Time per call", "Failed calls", "Who spent most"):
        assert words in text
    assert "calls of unknown cost" in text
    assert "rate_limit_exceeded" in text
    assert "somewhere" in text


def test_without_a_call_it_says_so(sqlite_settings: UsageSettings, tmp_path: Path) -> None:
    Database(sqlite_settings).upgrade()
    empty = html_of(sqlite_settings)
    assert empty.count("None in this time.") == CHARTS + 2


def test_without_plotly_the_extra_is_named(sqlite_settings: UsageSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    Database(sqlite_settings).upgrade()
    with pytest.raises(ConfigError, match=r"pip install 'llama-stack-provider-litellm\[report\]'"):
        html_of(sqlite_settings)
