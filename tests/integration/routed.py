"""A stack on a LiteLLM config of its own, whose deployments can be told apart here and at the upstream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.line import HEADER, refusal
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

NOWHERE = "http://127.0.0.1:9/v1"
"""An address that refuses every connection."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the whole text, and the ``litellm`` object where there is one."""

    status: int
    text: str
    about: dict[str, Any]
    headers: httpx.Headers
    raw: httpx.Response

    @property
    def refusal(self) -> tuple[int, str]:
        """The status and the words of the error that it is, or ends with."""
        return refusal(self.raw)

    @property
    def by(self) -> str:
        """The deployment that answered; fails, with what was answered instead, when none did."""
        assert self.about, f"{self.status}: {self.text}"
        return str(self.about["model_id"])


@dataclass(frozen=True)
class Routed:
    """A running stack, and the upstream behind its deployments."""

    stack: Stack
    upstream: Upstream
    http: httpx.Client

    def chat(self, model: str, text: str, *, tags: Sequence[str] = (), **options: Any) -> Answer:
        """The answer of OpenAI's chat endpoint to one user message."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **options}
        return self.post("chat/completions", body, tags=tags)

    def post(self, path: str, body: dict[str, Any], *, tags: Sequence[str] = ()) -> Answer:
        """The answer to ``body``; a stream is read to its end."""
        headers = tagged(tags) if tags else {}
        answer = self.http.post(f"{self.stack.openai_url}/{path}", json=body, headers=headers)
        return Answer(answer.status_code, answer.text, _about(answer.text), answer.headers, answer)

    def arrived(self, word: str) -> list[tuple[str, dict[str, Any]]]:
        """Which deployment made each call that holds ``word``, and the call, oldest first."""
        return [(deployment_of(call), call) for call in self.upstream.calls() if word in json.dumps(call["body"])]


@contextmanager
def routed(folder: Path, upstream: Upstream, config: dict[str, Any]) -> Iterator[Routed]:
    """A running stack on ``config``, the content of a LiteLLM config.yaml."""
    with running_stack(folder, yaml.safe_dump(config)) as stack, httpx.Client(timeout=30) as http:
        yield Routed(stack, upstream, http)


def deployment(
    upstream: Upstream, name: str, id: str, *, model: str = "openai/echo-1", info: Any = None, **params: Any
) -> dict[str, Any]:
    """An entry of ``model_list`` at the upstream, with a key that shows its id there."""
    base = upstream.url if model.startswith("anthropic/") else f"{upstream.url}/v1"
    return {
        "model_name": name,
        "litellm_params": {"model": model, "api_key": f"key-{id}", "api_base": base, **params},
        "model_info": {"id": id, **(info or {})},
    }


def deployment_of(call: dict[str, Any]) -> str:
    """The id of the deployment that made a call of the upstream's log."""
    headers = call["headers"]
    return str(headers.get("x-api-key") or headers["authorization"].removeprefix("Bearer ")).removeprefix("key-")


def tagged(tags: Sequence[str]) -> dict[str, str]:
    """The header with which a caller gives tags."""
    return {HEADER: json.dumps({"litellm_tags": list(tags)})}


def _about(text: str) -> dict[str, Any]:
    events = [line[6:] for line in text.splitlines() if line.startswith("data: {")] or [text]
    about: dict[str, Any] = json.loads(events[-1]).get("litellm") or {}
    return about
