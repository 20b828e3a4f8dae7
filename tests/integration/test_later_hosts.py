"""What llama-stack 0.7 and OGX have beyond 0.2.24."""

from __future__ import annotations

import http.client
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import line
from tests.differences import needs
from tests.imitation import imitation_proxy
from tests.integration.test_chat import PLACE, sent
from tests.line import HEADER, OPENAI, refusal, words_of
from tests.stack import Stack
from tests.upstream.process import Upstream
from tests.waiting import until

pytestmark = needs("more in a body")


def ask(stack: Stack, text: str, model: str = "gpt", **more: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return httpx.post(f"{stack.openai_url}/chat/completions", json=body, timeout=30)


def test_openais_api_is_where_0_2_had_it_too(stack: Stack, word: str) -> None:
    body = {"model": "gpt", "messages": [{"role": "user", "content": word}]}
    answer = httpx.post(f"{stack.url}/v1/openai/v1/chat/completions", json=body, timeout=30)
    assert word in answer.json()["choices"][0]["message"]["content"]
    assert httpx.get(f"{stack.url}/v1/openai/v1/models", timeout=30).json()["data"]


STEERING = [
    "api_base",
    "base_url",
    "api_key",
    "api_version",
    "custom_llm_provider",
    "headers",
    "extra_headers",
    "extra_body",
    "litellm_params",
    "litellm_metadata",
    "mock_response",
    "fallbacks",
    "model_list",
    "deployment_id",
    "organization",
    "aws_access_key_id",
    "vertex_credentials",
    "azure_ad_token",
    "client",
    "user_config",
    "router",
    "timeout",
    "callbacks",
    "success_callback",
    "guardrails",
    "tags",
    "ssl_verify",
    "allowed_openai_params",
    "drop_params",
    "max_retries",
    "num_retries",
    "input_cost_per_token",
    "region_name",
    "metadata_x",
    "secret_fields",
    "proxy",
]


@pytest.mark.parametrize("path", ["chat/completions", "completions", "embeddings"])
@pytest.mark.parametrize("name", STEERING)
def test_what_could_lead_a_key_elsewhere_is_refused_by_name(stack: Stack, path: str, name: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "chat/completions": {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]},
        "completions": {"model": "gpt", "prompt": "hi"},
        "embeddings": {"model": "embedding", "input": "hi"},
    }
    answer = httpx.post(f"{stack.openai_url}/{path}", json={**bodies[path], name: "x"}, timeout=30)
    assert answer.status_code == 400, answer.text
    assert f"'{name}' is not taken from a request" in words_of(answer)


def test_what_vendors_take_beyond_openai_arrives(stack: Stack, upstream: Upstream, word: str) -> None:
    assert ask(stack, word, "local", top_k=5, repetition_penalty=1.2).status_code == 200
    body = sent(upstream, word)
    assert (body["top_k"], body["repetition_penalty"]) == (5, 1.2)


def test_what_means_nothing_is_left_out_and_named(stack: Stack, upstream: Upstream, word: str) -> None:
    assert ask(stack, word, "local", **{f"x{word}": 1}).status_code == 200
    assert f"x{word}" not in sent(upstream, word)
    assert f"'x{word}' in a request's body means nothing here" in " ".join(stack.log.split())


def test_a_wrong_cache_control_is_refused(stack: Stack) -> None:
    refused = ask(stack, "hi", cache={"nocache": True})
    assert refused.status_code == 400 and "cache" in words_of(refused)
    assert ask(stack, "hi", cache={"no-store": True}).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        *({"messages": [{"role": "user", "content": f"[[error {status}]]"}]} for status in (401, 429, 500)),
        {"messages": 5},
        # One of the host's own types refuses it, past its route.
        {"tools": [{"type": "function", "function": {}}]},
    ],
    ids=["401", "429", "500", "route", "type"],
)
def test_the_connection_lives_on_after_an_error(stack: Stack, wrong: dict[str, Any]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    connection.connect()
    # From here on a connection that the server closes is an exception.
    connection.auto_open = False
    try:
        for more, status in ((wrong, None), ({}, 200)) * 2:
            body = json.dumps({"model": "gpt", "messages": [{"role": "user", "content": "hello"}], **more})
            connection.request("POST", f"{OPENAI}/chat/completions", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status or (status is None and answer.status >= 400)
    finally:
        connection.close()


def test_rerank(stack: Stack, upstream: Upstream, word: str) -> None:
    body = {"model": "litellm/reranker", "query": f"zebra {word}", "items": ["a fish", f"the zebra {word}", "a zebra"]}
    answer = httpx.post(f"{stack.url}/v1alpha/inference/rerank", json={**body, "max_num_results": 2}, timeout=30)
    assert answer.status_code == 200, answer.text
    rows = answer.json()["data"]
    assert [row["index"] for row in rows] == [1, 2]
    assert rows[0]["relevance_score"] > rows[1]["relevance_score"]


def test_a_conversation(stack: Stack, model: str, word: str) -> None:
    client = stack.openai()
    conversation = client.conversations.create()
    first = client.responses.create(model=model, input=f"hello {word}", conversation=conversation.id)
    assert word in first.output_text
    second = client.responses.create(model=model, input="again", conversation=conversation.id)
    assert second.output_text.endswith("turns: 2")


def test_a_structured_response(stack: Stack, model: str, word: str) -> None:
    form = {"format": {"type": "json_schema", "name": "place", "schema": PLACE, "strict": True}}
    answer = stack.openai().responses.create(model=model, input=word, text=form)
    assert json.loads(answer.output_text) == {"city": word}


def test_the_reasoning_of_a_response(stack: Stack, word: str) -> None:
    text, effort = f"[[think because {word}]] yes", {"effort": "low"}
    stream = stack.openai().responses.create(model="litellm/claude", input=text, reasoning=effort, stream=True)
    events = [event.model_dump() for event in stream]
    thought = "".join(event["delta"] for event in events if event["type"] == "response.reasoning_text.delta")
    assert f"because {word}" in thought
    assert events[-1]["type"] == "response.completed"


@pytest.mark.parametrize(("fault", "status"), [("error 429", 429), ("error 500", 502), ("midstream-error", 502)])
def test_a_streamed_response_that_fails_says_why(stack: Stack, fault: str, status: int) -> None:
    stream = stack.openai().responses.create(model="litellm/gpt", input=f"[[{fault}]]", stream=True)
    last = list(stream)[-1]
    assert last.type == "response.failed"
    assert last.response.error.message.startswith("Model gpt (openai/gpt-4o-mini): ")


def test_a_response_that_fails_says_why(stack: Stack) -> None:
    body = {"model": "litellm/gpt", "input": "[[error 429]]"}
    answer = httpx.post(f"{stack.openai_url}/responses", json=body, timeout=30)
    # This host makes a 500 of whatever a provider raises here.
    assert answer.status_code == UNARY_RESPONSES[line.LINE.name]
    assert "Model gpt (openai/gpt-4o-mini): " in answer.text


UNARY_RESPONSES = {"0.7": 500, "ogx": 500}


def test_a_vector_store_has_our_embeddings_without_being_told(stack: Stack, upstream: Upstream, word: str) -> None:
    client = stack.openai()
    content = f"The zebra of the warehouse is called {word} by its keepers.".encode()
    file = client.files.create(file=("zebra.txt", io.BytesIO(content)), purpose="assistants")
    store = client.vector_stores.create(name=f"store-{word}")
    assert client.vector_stores.files.create(vector_store_id=store.id, file_id=file.id).status == "completed"
    (found,) = client.vector_stores.search(store.id, query="What is the zebra called?").data
    assert word in found.content[0].text
    embedded = [call["path"] for call in upstream.calls() if word in json.dumps(call["body"])]
    assert embedded and all(path.endswith("/embeddings") for path in embedded)


@pytest.mark.parametrize("named", ["embedding", "litellm/embedding"])
@pytest.mark.embedded_only("it starts an imitation of a proxy, and a stack on it")
def test_the_run_configs_own_default_embedding_model_and_a_proxy_that_is_away(
    tmp_path: Path, word: str, named: str
) -> None:
    def with_a_default(config: dict[str, Any]) -> None:
        config["vector_stores"]["default_embedding_model"] = {"provider_id": "litellm", "model_id": "embedding"}

    path = line.changed_run_config(tmp_path, with_a_default, "proxy")
    with imitation_proxy() as proxy:
        proxy.stop()
        env = {"LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": "sk-a"}
        stack = Stack(tmp_path, {**env, "EMBEDDING_MODEL": named, "EMBEDDING_DIMENSION": "64"}, line.command(path))
        try:
            stack.start()
            assert stack.models().keys() == {"litellm/embedding"}
            body = {"model": "litellm/embedding", "input": word}
            status, said = refusal(httpx.post(f"{stack.openai_url}/embeddings", json=body, timeout=30))
            assert status == 503 and proxy.url in said
            proxy.start()
            client = stack.openai()
            until(lambda: httpx.post(f"{stack.openai_url}/embeddings", json=body, timeout=30).status_code == 200, 15)
            store = client.vector_stores.create(name="store")
            file = client.files.create(file=("a.txt", io.BytesIO(f"about {word}".encode())), purpose="assistants")
            attached = client.vector_stores.files.create(vector_store_id=store.id, file_id=file.id)
            assert attached.status == "completed", attached
            # The proxy's others are listed too, those that stand behind it in its list as well.
            until(lambda: {"litellm/gpt", "litellm/reranker"} < stack.models().keys())
        finally:
            stack.close_clients()
            stack.stop()


def test_the_other_lines_header_says_nothing(stack: Stack, upstream: Upstream, word: str) -> None:
    other = {"X-LlamaStack-Provider-Data", "X-OGX-Provider-Data"} - {HEADER}
    body = {"model": "gpt", "messages": [{"role": "user", "content": word}]}
    headers = {name: json.dumps({"litellm_user": "ann"}) for name in other}
    assert httpx.post(f"{stack.openai_url}/chat/completions", json=body, headers=headers, timeout=30).status_code == 200
    assert "user" not in sent(upstream, word)
