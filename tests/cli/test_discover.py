"""What a machine has becomes a LiteLLM config."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from llama_stack_provider_litellm import catalog, settings
from llama_stack_provider_litellm.cli import discover
from llama_stack_provider_litellm.engines.library import import_litellm, known_model

NOBODY = {"OLLAMA_HOST": "127.0.0.1:9"}


class Ollama(BaseHTTPRequestHandler):
    """The two routes of Ollama's API that are asked (https://docs.ollama.com/api)."""

    models: ClassVar[dict[str, Any]] = {
        "llama3.1:8b": {"capabilities": ["completion"], "model_info": {"llama.context_length": 131072}},
        "nomic-embed-text": {"capabilities": ["embedding"], "model_info": {"nomic-bert.embedding_length": 768}},
    }

    def do_GET(self) -> None:
        self.answer({"models": [{"name": name} for name in self.models]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer(self.models[asked["model"]])

    def answer(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def ollama() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ollama)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing() -> None:
    assert discover.discover(NOBODY) == discover.Discovery()


def test_a_key_stays_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = discover.discover({**NOBODY, "OPENAI_API_KEY": "sk-planted"})
    assert found.sources == ("OPENAI_API_KEY",)
    text = yaml.safe_dump(found.config)
    assert "sk-planted" not in text
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    config = tmp_path / "config.yaml"
    config.write_text(text)
    names = [deployment["model_name"] for deployment in settings.load(config).model_list]
    assert names == ["gpt-4o-mini", "text-embedding-3-small", "openai/*"]


def test_litellm_knows_every_model_that_is_named(caplog: pytest.LogCaptureFixture) -> None:
    found = discover.discover({**NOBODY, **dict.fromkeys(discover._VENDORS, "planted")})
    import_litellm()
    named = [item for item in found.config["model_list"] if "*" not in item["model_name"]]
    for item in named:
        assert known_model(item["litellm_params"]["model"]), item
    entries = catalog.build(found.config["model_list"], known_model).entries
    assert len(entries) == len(found.config["model_list"])
    assert not caplog.records


def test_ollama(ollama: str) -> None:
    found = discover.discover({"OLLAMA_HOST": ollama})
    assert found.sources == (f"Ollama at http://{ollama}",)
    assert found.config["model_list"] == [
        {
            "model_name": "llama3.1:8b",
            "litellm_params": {"model": "ollama_chat/llama3.1:8b", "api_base": f"http://{ollama}"},
            "model_info": {"mode": "chat", "max_input_tokens": 131072},
        },
        {
            "model_name": "nomic-embed-text",
            "litellm_params": {"model": "ollama/nomic-embed-text", "api_base": f"http://{ollama}"},
            "model_info": {"mode": "embedding", "output_vector_size": 768},
        },
    ]


def test_ollama_is_not_asked_through_the_environments_proxy(ollama: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert discover.discover({"OLLAMA_HOST": ollama}).sources == (f"Ollama at http://{ollama}",)


def test_something_else_where_ollama_would_be() -> None:
    def greet(server: socket.socket) -> None:
        caller, _ = server.accept()
        with caller:
            caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            caller.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        assert discover.discover({"OLLAMA_HOST": f"127.0.0.1:{server.getsockname()[1]}"}) == discover.Discovery()
        thread.join()


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("https://box:443/", "https://box:443"),
        ("https://box", "https://box"),
    ],
)
def test_the_forms_of_ollama_host(value: str, address: str) -> None:
    assert discover._ollama_address({"OLLAMA_HOST": value}) == address
