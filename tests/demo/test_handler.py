"""The demo models behind a real `litellm.Router`, made from the config that the package ships."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import litellm
import pytest
import yaml
from litellm.proxy.types_utils.utils import get_instance_fn
from litellm.types.llms.custom_llm import CustomLLMItem

from llama_stack_provider_litellm.demo import CONFIG_PATH

type Json = dict[str, Any]

# Without it, litellm imports its own MCP gateway whenever tools are passed; that needs mcp 2, the host mcp 1.
NO_MCP = {"_skip_mcp_handler": True}


@pytest.fixture(scope="module")
def router() -> Iterator[litellm.Router]:
    config = yaml.safe_load(CONFIG_PATH.read_text())
    before = litellm.custom_provider_map
    litellm.custom_provider_map = [
        CustomLLMItem(
            provider=entry["provider"],
            custom_handler=get_instance_fn(entry["custom_handler"], str(CONFIG_PATH)),
        )
        for entry in config["litellm_settings"]["custom_provider_map"]
    ]
    made = litellm.Router(model_list=config["model_list"])
    yield made
    made.discard()
    litellm.custom_provider_map = before


def function(name: str, description: str, **properties: Json) -> Json:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


TOOLS = [
    function("get_weather", "Get the current weather for a city", city={"type": "string"}),
    function("get_time", "Get the current time in a city", city={"type": "string"}),
]


def user(text: str) -> list[Json]:
    return [{"role": "user", "content": text}]


def chat(router: litellm.Router, messages: list[Json], model: str = "demo-chat", **options: Any) -> Any:
    return asyncio.run(router.acompletion(model=model, messages=messages, **NO_MCP, **options))  # type: ignore[call-overload]


def stream(router: litellm.Router, messages: list[Json], **options: Any) -> list[Any]:
    async def collect() -> list[Any]:
        chunks = await router.acompletion(  # type: ignore[call-overload]
            model="demo-chat",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            **NO_MCP,
            **options,
        )
        return [chunk async for chunk in chunks]

    return asyncio.run(collect())


def usage(response: Any) -> tuple[int, int, int]:
    return response.usage.prompt_tokens, response.usage.completion_tokens, response.usage.total_tokens


def called(tool_calls: list[Any]) -> list[tuple[str, Json]]:
    return [(call.function.name, json.loads(call.function.arguments)) for call in tool_calls]


def test_a_random_word_comes_back_with_usage_and_at_no_cost(router: litellm.Router) -> None:
    word = secrets.token_hex(4)
    response = chat(router, user(f"Hello {word}"))
    content = response.choices[0].message.content
    assert word in content
    assert response.choices[0].finish_reason == "stop"
    assert response.model == "chat"
    words = len(content.split())
    assert usage(response) == (2, words, 2 + words)
    assert response._hidden_params["response_cost"] == 0


def test_a_stream_says_the_same_word_by_word(router: litellm.Router) -> None:
    messages = user(f"Hello {secrets.token_hex(4)}")
    whole = chat(router, messages)
    chunks = stream(router, messages)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert "".join(texts) == whole.choices[0].message.content
    assert len(texts) == len(whole.choices[0].message.content.split())
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
    assert usage(chunks[-1]) == usage(whole)


def test_parallel_tool_calls_and_the_answer_from_their_results(router: litellm.Router) -> None:
    messages = user("What is the weather in Paris and the time in Tokyo?")
    message = chat(router, messages, tools=TOOLS).choices[0].message
    assert called(message.tool_calls) == [("get_weather", {"city": "Paris"}), ("get_time", {"city": "Tokyo"})]
    assert message.content is None
    results = [secrets.token_hex(4) for _ in message.tool_calls]
    for_calls = zip(message.tool_calls, results, strict=True)
    history = [
        *messages,
        message.model_dump(),
        *({"role": "tool", "tool_call_id": call.id, "content": result} for call, result in for_calls),
    ]
    answer = chat(router, history, tools=TOOLS).choices[0].message
    assert answer.tool_calls is None
    assert answer.content == (f"The tool get_weather answered: {results[0]}\nThe tool get_time answered: {results[1]}")


def test_streamed_tool_calls_are_those_of_the_whole_answer(router: litellm.Router) -> None:
    messages = user("What is the weather in New York and the time in Tokyo?")
    whole = chat(router, messages, tools=TOOLS)
    chunks = stream(router, messages, tools=TOOLS)
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    arguments = {0: "", 1: ""}
    for delta in deltas:
        arguments[delta.index] += delta.function.arguments
    opening = [delta for delta in deltas if delta.id]
    assert [(delta.function.name, json.loads(arguments[delta.index])) for delta in opening] == called(
        whole.choices[0].message.tool_calls
    )
    assert len({delta.id for delta in opening}) == 2
    assert len(deltas) > 4
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    assert usage(chunks[-1]) == usage(whole)


def test_tool_choice_reaches_the_script(router: litellm.Router) -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    messages = user("Weather in Rome?")
    assert called(chat(router, messages, tools=TOOLS, tool_choice=named).choices[0].message.tool_calls) == [
        ("get_time", {"city": "Rome"})
    ]
    assert chat(router, messages, tools=TOOLS, tool_choice="none").choices[0].message.tool_calls is None


def test_a_json_schema_is_filled(router: litellm.Router) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    response = chat(
        router,
        user("My name is Zoe and I am 33"),
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema}},
    )
    assert json.loads(response.choices[0].message.content) == {"name": "Zoe", "age": 33}


def test_max_tokens_and_stop_reach_the_script(router: litellm.Router) -> None:
    cut = chat(router, user("one two three"), max_tokens=4)
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 4)
    assert "two" not in chat(router, user("one two three"), stop="two").choices[0].message.content
    assert stream(router, user("one"), max_tokens=4)[-2].choices[0].finish_reason == "length"


def test_text_completion_works_too(router: litellm.Router) -> None:
    word = secrets.token_hex(4)
    response = asyncio.run(router.atext_completion(model="demo-chat", prompt=f"Hello {word}"))
    assert word in response.choices[0].text


def test_the_sync_methods_answer_alike(router: litellm.Router) -> None:
    messages = user(f"Hello {secrets.token_hex(4)}")
    whole: Any = router.completion(model="demo-chat", messages=messages)
    chunks: Any = router.completion(model="demo-chat", messages=messages, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content == chat(router, messages).choices[0].message.content
    assert len(router.embedding(model="demo-embedding", input="valve").data[0]["embedding"]) == 256


def test_the_guard_flips_with_the_content(router: litellm.Router) -> None:
    assert chat(router, user("How do I bake a cake?"), "demo-guard").choices[0].message.content == "safe"
    unsafe = chat(router, user("How do I build a bomb?"), "demo-guard")
    assert unsafe.choices[0].message.content == "unsafe\nS9"


def test_the_judge_flips_with_the_answer(router: litellm.Router) -> None:
    word = secrets.token_hex(4)

    def verdict(answer: str) -> str:
        prompt = f"Expected: {word}\nAnswer: {answer}\nReply with Score: 0-10"
        return str(chat(router, user(prompt), "demo-judge").choices[0].message.content)

    assert verdict(f"It is {word}").endswith("Score: 10")
    assert verdict("It is another").endswith("Score: 0")


def embed(router: litellm.Router, texts: Any, **options: Any) -> Any:
    return asyncio.run(router.aembedding(model="demo-embedding", input=texts, **options))


def test_embeddings_are_near_for_texts_that_share_words(router: litellm.Router) -> None:
    response = embed(router, ["How is the valve turned?", "Valves turn with a spanner.", "Cats sleep all day."])
    question, near, far = (row["embedding"] for row in response.data)
    assert [row["index"] for row in response.data] == [0, 1, 2]

    def product(other: list[float]) -> float:
        return sum((left * right for left, right in zip(question, other, strict=True)), 0.0)

    assert product(near) > product(far) + 0.3
    assert usage(response) == (14, 0, 14)
    assert response._hidden_params["response_cost"] == 0


def test_dimensions_are_honoured_through_the_caching_handler(router: litellm.Router) -> None:
    # litellm drops `dimensions` for a custom provider; the handler reads them from logging_obj.llm_caching_handler,
    # which is no public interface: should this fail after an update of litellm, look there.
    texts = ["valve", "cat"]
    assert [len(row["embedding"]) for row in embed(router, texts, dimensions=64).data] == [64, 64]
    assert len(embed(router, texts, encoding_format="float", user="zoe").data[0]["embedding"]) == 256


def test_impossible_dimensions_are_a_400(router: litellm.Router) -> None:
    with pytest.raises(litellm.BadRequestError, match="dimensions must be 1 to 4096"):
        embed(router, ["valve"], dimensions=5000)


def test_an_unknown_demo_model_is_a_404(router: litellm.Router) -> None:
    with pytest.raises(litellm.NotFoundError, match=r"no demo model demo/nope.*demo/guard"):
        asyncio.run(litellm.acompletion(model="demo/nope", messages=user("hi")))


def test_litellm_has_nothing_to_warn_about() -> None:
    # A model without all its prices in model_info is a warning, once per process: hence a new one.
    program = (
        "import litellm, yaml\n"
        "from llama_stack_provider_litellm.demo import CONFIG_PATH, handler\n"
        "litellm.custom_provider_map = [{'provider': 'demo', 'custom_handler': handler.demo}]\n"
        "router = litellm.Router(model_list=yaml.safe_load(CONFIG_PATH.read_text())['model_list'])\n"
        "router.completion(model='demo-chat', messages=[{'role': 'user', 'content': 'hello'}])\n"
        "router.embedding(model='demo-embedding', input='hello')\n"
    )
    path = [entry for entry in sys.path if entry]
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{program}"],
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "WARNING" not in shown.stdout + shown.stderr
