"""Thousands of calls of every kind, accounted for to the token and to a billionth of a dollar."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage import queries
from llama_stack_provider_litellm.usage.database import Database
from tests.differences import DIFFERENCES
from tests.line import HEADER, HOST, OPENAI
from tests.litellm_proxy import litellm_proxy
from tests.postgresql import PostgreSQL
from tests.postgresql import shared_postgresql as shared_postgresql
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream
from tests.usage.records import emptied, rows_at
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.any_host, pytest.mark.embedded_only("it has a stack in each of two modes")]

HAS_TURNS = HOST in DIFFERENCES["turns"].hosts
# The model's, and before it the guard's.
PER_AGENT = 2 if HAS_TURNS else 1
CALLS = {"embedded": 4000, "proxy": 1000}
AT_ONCE = 16
# USD per token of the prompt and of the answer.
PRICES = {"gpt-4o-mini": (1e-6, 3e-6), "claude-sonnet-4-5": (2e-6, 7e-6), "gemini-2.5-flash": (5e-7, 1.1e-6)}
PRICES |= {"guard-1": (1e-7, 1e-7), "embed-1": (3e-8, 0.0)}
# Of a hundred calls so many are of each kind.
KINDS = {
    **{"plain": 24, "streamed": 24, "reasoning": 6, "text": 4, "embedding": 10, "fallback": 6, "retried": 2},
    **{"cached": 8, "refused": 4, "limited": 2, "broken": 3, "abandoned": 3, "agent": 4},
}


def config(upstream: Upstream, prices_in: str) -> str:
    """The models, with their prices in ``litellm_params`` or in ``model_info``."""

    def deployment(name: str, vendor: str, model: str, path: str, **about: Any) -> dict[str, Any]:
        params = {"model": f"{vendor}/{model}", "api_key": "sk-account", "api_base": upstream.url + path}
        places = {"litellm_params": params, "model_info": about}
        places[prices_in] |= dict(zip(("input_cost_per_token", "output_cost_per_token"), PRICES[model], strict=True))
        return {"model_name": name, **places}

    down = {"model": "openai/gpt-4o-mini", "api_key": "k", "api_base": "http://127.0.0.1:9"}
    document = {
        "model_list": [
            deployment("gpt", "openai", "gpt-4o-mini", "/v1"),
            deployment("claude", "anthropic", "claude-sonnet-4-5", ""),
            deployment("gemini", "gemini", "gemini-2.5-flash", "/v1beta"),
            deployment("guard", "openai", "guard-1", "/v1"),
            deployment("embedding", "openai", "embed-1", "/v1", mode="embedding", output_vector_size=64),
            {"model_name": "down", "litellm_params": down},
        ],
        "router_settings": {
            "num_retries": 1,
            "retry_after": 0,
            "disable_cooldowns": True,
            "fallbacks": [{"down": ["gpt"]}],
        },
        "litellm_settings": {
            "cache": True,
            "cache_params": {"type": "local", "mode": "default_off", "max_messages": 20},
        },
    }
    return yaml.safe_dump(document)


@dataclass
class Client:
    """Makes the calls of one stack, and keeps what the answers said of themselves."""

    http: httpx.AsyncClient
    mode: str
    agent_id: str | None
    made: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    costs: dict[str, float | None] = field(default_factory=dict)

    async def call(self, number: int) -> None:
        """The call of a number: which kind that is, and what it says, follows from that."""
        kind, text = kind_of(number), f"{self.mode} {'word ' * (number % 7)}{number}"
        self.made[kind] += 1
        await getattr(self, kind)(number, text)

    async def chat(
        self, text: str, model: str, *, stream: bool = False, status: int = 200, **data: Any
    ) -> httpx.Response:
        data = {"litellm_user": f"user-{len(text) % 5}", "litellm_tags": [self.mode], **data}
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
        headers = {HEADER: json.dumps(data)}
        answer = await self.http.post(f"{OPENAI}/chat/completions", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 200 and '"error"' not in answer.text:
            self.hear(answer)
        return answer

    def hear(self, answer: httpx.Response) -> None:
        about = about_of(answer)
        assert about["call_id"] not in self.costs
        self.costs[about["call_id"]] = about["cost_usd"]
        self.hits += about["cache_hit"]

    async def plain(self, number: int, text: str) -> None:
        await self.chat(text, model_of(number))

    async def streamed(self, number: int, text: str) -> None:
        await self.chat(text, model_of(number), stream=True)

    async def reasoning(self, number: int, text: str) -> None:
        await self.chat(f"[[think one two three]] {text}", model_of(number), stream=number % 2 == 0)

    async def text(self, number: int, text: str) -> None:
        self.hear(await self.http.post(f"{OPENAI}/completions", json={"model": "gpt", "prompt": text}))

    async def embedding(self, number: int, text: str) -> None:
        body = {"model": "embedding", "input": [text, "two words"]}
        answer = await self.http.post(f"{OPENAI}/embeddings", json=body)
        assert answer.status_code == 200, answer.text
        if HOST in DIFFERENCES["about embeddings"].hosts:
            self.hear(answer)

    async def fallback(self, number: int, text: str) -> None:
        assert about_of(await self.chat(text, "down", stream=number % 2 == 0))["fallbacks"] == 1

    async def retried(self, number: int, text: str) -> None:
        assert about_of(await self.chat(f"[[error 500 times=1]] {text}", "gpt"))["retries"] == 1

    async def cached(self, number: int, text: str) -> None:
        """One of ten texts, the same over and over."""
        text, data = f"{self.mode} cached {number % 10}", {"use-cache": True}
        await self.chat(text, "gpt", stream=number % 3 == 0, litellm_cache=data)

    async def refused(self, number: int, text: str) -> None:
        await self.chat(f"[[error 400 context]] {text}", model_of(number), status=400)

    async def limited(self, number: int, text: str) -> None:
        await self.chat(f"[[error 429]] {text}", model_of(number), status=429)

    async def broken(self, number: int, text: str) -> None:
        answer = await self.chat(f"[[midstream-error]] {text}", model_of(number), stream=True)
        assert '"error"' in answer.text

    async def abandoned(self, number: int, text: str) -> None:
        # Far longer than it takes to tell the vendor on a busy machine: what it completes, it counts.
        messages = [{"role": "user", "content": f"[[slow 1000]] {text}"}]
        body = {"model": model_of(number), "messages": messages, "stream": True}
        async with self.http.stream("POST", f"{OPENAI}/chat/completions", json=body) as answer:
            async for line in answer.aiter_lines():
                if "slow" in line:
                    return

    async def agent(self, number: int, text: str) -> None:
        """A turn of an agent with an input shield; a response where there are none."""
        if self.agent_id is None:
            body = {"model": "litellm/gpt", "input": text, "stream": True}
            answer = await self.http.post(f"{OPENAI}/responses", json=body)
            assert "response.completed" in answer.text, answer.text[-1000:]
            return
        path = f"/v1/agents/{self.agent_id}/session"
        session = (await self.http.post(path, json={"session_name": text})).json()["session_id"]
        body = {"messages": [{"role": "user", "content": text}], "stream": True}
        answer = await self.http.post(f"{path}/{session}/turn", json=body)
        assert "turn_complete" in answer.text, answer.text[-1000:]


def about_of(answer: httpx.Response) -> dict[str, Any]:
    """The ``litellm`` object of an answer, or of a stream's last chunk."""
    assert answer.status_code == 200, answer.text
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    about: dict[str, Any] = json.loads(events[-1] if events else answer.text)["litellm"]
    return about


def kind_of(number: int) -> str:
    place = number % 100
    for kind, share in KINDS.items():
        if place < share:
            return kind
        place -= share
    raise AssertionError(number)


def model_of(number: int) -> str:
    return ("gpt", "claude", "gemini")[number % 3]


async def an_agent(http: httpx.AsyncClient) -> str:
    """The id of a new agent with an input shield."""
    config = {"model": "litellm/gpt", "instructions": "Be.", "input_shields": ["llama-guard"]}
    agent = await http.post("/v1/agents", json={"agent_config": config})
    identity: str = agent.json()["agent_id"]
    return identity


async def all_calls(stacks: dict[str, Stack]) -> dict[str, Client]:
    """Both stacks' calls, side by side."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def made(mode: str, stack: Stack) -> Client:
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
            client = Client(http, mode, await an_agent(http) if HAS_TURNS else None)

            async def one(number: int) -> None:
                async with gate:
                    await client.call(number)

            await asyncio.gather(*map(one, range(CALLS[mode])))
        return client

    clients = await asyncio.gather(*(made(mode, stack) for mode, stack in stacks.items()))
    return {client.mode: client for client in clients}


@pytest.fixture
def settings(shared_postgresql: PostgreSQL) -> UsageSettings:
    emptied(shared_postgresql)
    return UsageSettings.model_validate({"url": shared_postgresql.url, "password": shared_postgresql.password})


@pytest.fixture
def stacks(upstream: Upstream, settings: UsageSettings, tmp_path: Path) -> Iterator[dict[str, Stack]]:
    """One with the embedded router and one on a LiteLLM Proxy, which keep their records in one database."""
    env = {"SAFETY_MODEL": "litellm/guard", "LITELLM_USAGE_URL": settings.url}
    env["LITELLM_USAGE_PASSWORD"] = settings.password.get_secret_value()
    folders = {mode: tmp_path / mode for mode in CALLS}
    for folder in folders.values():
        folder.mkdir()
    with (
        # Where it registers prices with each call, a proxy of LiteLLM before 1.108 bills some calls by the vendor's.
        litellm_proxy(folders["proxy"], config(upstream, "model_info")) as proxy,
        running_stack(folders["embedded"], config(upstream, "litellm_params"), **env) as embedded,
        running_stack(
            folders["proxy"],
            LITELLM_MODE="proxy",
            LITELLM_PROXY_URL=proxy.url,
            LITELLM_PROXY_API_KEY=proxy.key,
            **env,
        ) as proxied,
    ):
        yield {"embedded": embedded, "proxy": proxied}


def test_every_call_is_accounted_for(stacks: dict[str, Stack], settings: UsageSettings, upstream: Upstream) -> None:
    upstream.clear()
    clients = asyncio.run(all_calls(stacks))
    expected = {
        mode: sum(count * (PER_AGENT if kind == "agent" else 1) for kind, count in client.made.items())
        for mode, client in clients.items()
    }
    until(lambda: len(rows_at(settings)) >= sum(expected.values()), seconds=20)
    rows = rows_at(settings)
    assert Counter(row["engine"] for row in rows) == expected

    # To the token: what the upstream counted of every answer that it completed. A LiteLLM Proxy asks its vendors for
    # their models too, every five minutes.
    counted: dict[str, list[int]] = {}
    for call in upstream.calls():
        if call["status"] == 200 and call["outcome"] == "answered" and call["path"] != "/v1/models":
            tokens = counted.setdefault(upstream_model(call), [0, 0])
            tokens[0] += call["tokens"][0]
            tokens[1] += call["tokens"][1]
    recorded: dict[str, list[int]] = {}
    for row in rows:
        if not row["cache_hit"] and row["input_tokens"] is not None:
            tokens = recorded.setdefault(row["deployment"].split("/")[-1], [0, 0])
            tokens[0] += row["input_tokens"]
            tokens[1] += row["output_tokens"] or 0
    assert recorded == counted
    assert set(counted) == set(PRICES) - (set() if HAS_TURNS else {"guard-1"})

    # To a billionth of a dollar, as a sum and for each answer.
    cost = sum(inputs * PRICES[model][0] + outputs * PRICES[model][1] for model, (inputs, outputs) in counted.items())
    database = Database(settings, reads=True)
    with database.engine.connect() as connection:
        total, tags = queries.totals(connection, None), queries.by(connection, "tag", None)
        compared = queries.compared(connection, None)
    database.close()
    assert total["cost_usd"] == pytest.approx(cost, abs=1e-9)
    by_id = {row["call_id"]: row for row in rows if row["call_id"]}
    for client in clients.values():
        for identity, told in client.costs.items():
            assert told is not None
            assert by_id[identity]["cost_usd"] == told

    # And what became of each.
    for mode, client in clients.items():
        mine, made = [row for row in rows if row["engine"] == mode], client.made
        # Anthropic's streams break with the word for an overload.
        overloaded = (503, "upstream_unavailable")
        outcomes = Counter((row["status"], row["error"]) for row in mine)
        outcomes[502, "upstream_error"] += outcomes.pop(overloaded)
        failed = made["refused"] + made["limited"] + made["broken"] + made["abandoned"]
        assert outcomes == {
            (200, None): expected[mode] - failed,
            (400, "context_length_exceeded"): made["refused"],
            (429, "rate_limit_exceeded"): made["limited"],
            (502, "upstream_error"): made["broken"],
            (499, "left"): made["abandoned"],
        }
        assert sum(row["cache_hit"] for row in mine) == client.hits > 0
        assert Counter(row["via"] for row in mine)["agents" if HAS_TURNS else "responses"] == PER_AGENT * made["agent"]
        assert {row["agent"] for row in mine if row["via"]} == {client.agent_id}
        assert sum(row["fallbacks"] or 0 for row in mine) == made["fallback"]
        assert sum(bool(row["retries"]) for row in mine if row["status"] == 200) >= made["retried"]
        for row in mine:
            if row["error"] in ("left", "upstream_error", overloaded[1]):
                assert row["chunks"] > 0 and row["first_token_seconds"] is not None
                assert row["cost_usd"] is None and row["cost_source"] == "unknown", "never a silent 0"
            if row["error"] is None:
                assert row["cost_source"] == (
                    "cache" if row["cache_hit"] else "litellm" if mode == "embedded" else "proxy"
                )
            assert row["deployment"] and row["vendor"]
            assert (row["first_token_seconds"] is not None) == (row["stream"] and row["chunks"] > 0)
    assert {row["group"] for row in tags} == {None, *CALLS}
    models = {"gpt", "claude", "gemini", "embedding", "down"} | ({"guard"} if HAS_TURNS else set())
    assert {(row["model"], row["engine"]) for row in compared} == {(model, mode) for mode in CALLS for model in models}


def upstream_model(call: dict[str, Any]) -> str:
    body = call["body"] if isinstance(call["body"], dict) else {}
    model: str = body.get("model") or call["path"].split("/models/")[1].split(":")[0]
    return model
