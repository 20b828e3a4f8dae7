"""The demo models' script: a pure function, so that most of what they promise can be tested without litellm."""

import json
import secrets
import subprocess
import sys
from typing import Any

import pytest

from llama_stack_provider_litellm.demo.script import Reply, pieces, reply

type Json = dict[str, Any]

TEXT: Json = {"type": "string"}


def function(name: str, description: str, optional: Json | None = None, **required: Json) -> Json:
    """A tool in OpenAI's form."""
    parameters = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


WEATHER = function(
    "get_weather",
    "Get the current weather for a city",
    {"unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    city=TEXT,
)
TIME = function("get_time", "Get the current time in a city", city=TEXT)
SEARCH = function("knowledge_search", "Search for information in a database.", query=TEXT)
FETCH = function("fetch_page", "Fetch a page by its URL and return its text", url=TEXT)
SAVE = function("save_note", "Save a text as a note", title=TEXT, text=TEXT)
ADD = function("add", "Add two numbers", a={"type": "number"}, b={"type": "number"})
TOOLS = [WEATHER, TIME, SEARCH, FETCH, SAVE, ADD]


def user(text: Any) -> Json:
    return {"role": "user", "content": text}


def ask(text: str, tools: list[Json] | None = None, **options: Any) -> Reply:
    return reply("chat", [user(text)], {"tools": tools, **options})


def calls(answer: Reply) -> list[tuple[str, Json]]:
    return [(call.name, json.loads(call.arguments)) for call in answer.tool_calls]


def follow(messages: list[Json], answer: Reply, results: list[Any]) -> list[Json]:
    """The messages after a host has run the calls of `answer`."""
    asked = [
        {"id": f"{len(messages)}-{at}", "function": {"name": call.name, "arguments": call.arguments}}
        for at, call in enumerate(answer.tool_calls)
    ]
    brought = [
        {"role": "tool", "tool_call_id": call["id"], "content": result}
        for call, result in zip(asked, results, strict=True)
    ]
    return [*messages, {"role": "assistant", "content": None, "tool_calls": asked}, *brought]


def retrieved(*chunks: str) -> list[Json]:
    """A result of Llama Stack's RAG tool, in its own wrapper."""
    texts = [
        f"knowledge_search tool found {len(chunks)} chunks:\nBEGIN of knowledge_search tool results.\n",
        *(
            f"Result {at}\nContent: {chunk}\nMetadata: {{'document_id': 'spanner-{at}'}}\n"
            for at, chunk in enumerate(chunks, 1)
        ),
        "END of knowledge_search tool results.\n",
        'The above results were retrieved to help answer the user\'s query: "spanner". Use them as supporting '
        "information only in answering this query.\n",
    ]
    return [{"type": "text", "text": text} for text in texts]


def test_repeats_the_message_and_says_that_it_is_no_ai() -> None:
    word = secrets.token_hex(4)
    answer = ask(f"Hello {word}")
    assert word in answer.text
    assert "not an AI" in answer.text
    assert answer.finish_reason == "stop"
    assert answer.prompt_tokens == 2
    assert answer.completion_tokens == len(answer.text.split())


def test_a_question_is_answered_from_earlier_in_the_conversation() -> None:
    word = secrets.token_hex(4)
    told = [user(f"My codeword is {word}. The sky is blue."), {"role": "assistant", "content": "Good."}]
    answer = reply("chat", [*told, user("What is my codeword?")])
    assert f"My codeword is {word}." in answer.text
    assert "sky" not in answer.text


def test_reads_content_parts_and_counts_images() -> None:
    parts = [
        {"type": "text", "text": "Look at this"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    answer = reply("chat", [user(parts)])
    assert "Look at this" in answer.text
    assert "1 image" in answer.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the weather in Paris?", [("get_weather", {"city": "Paris"})]),
        ("weather for lyon in fahrenheit", [("get_weather", {"city": "lyon", "unit": "fahrenheit"})]),
        (
            "What is the weather in Paris and the time in Tokyo?",
            [("get_weather", {"city": "Paris"}), ("get_time", {"city": "Tokyo"})],
        ),
        (
            "What is the weather in Paris and in New York?",
            [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "New York"})],
        ),
        ("Add 4 and 4", [("add", {"a": 4, "b": 4})]),
        ("Fetch http://a.example/x?y=1.", [("fetch_page", {"url": "http://a.example/x?y=1"})]),
        ("How does the valve turn?", [("knowledge_search", {"query": "How does the valve turn?"})]),
        ('Who is "Zorp"?', [("knowledge_search", {"query": 'Who is "Zorp"?'})]),
        ("explain why the valve turned", []),
        ("Tell me about the city of Paris", []),
        ("hello", []),
    ],
)
def test_calls_the_tool_that_the_message_asks_for(text: str, expected: list[tuple[str, Json]]) -> None:
    answer = ask(text, TOOLS)
    assert calls(answer) == expected
    assert answer.finish_reason == ("tool_calls" if expected else "stop")


def test_parallel_calls_can_be_switched_off() -> None:
    text = "What is the weather in Paris and the time in Tokyo?"
    first = ask(text, TOOLS, parallel_tool_calls=False)
    assert calls(first) == [("get_weather", {"city": "Paris"})]
    second = reply("chat", follow([user(text)], first, ["sunny"]), {"tools": TOOLS})
    assert calls(second) == [("get_time", {"city": "Tokyo"})]


def test_tool_choice_is_honoured() -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    assert calls(ask("Hello Rome", [TIME], tool_choice="required")) == [("get_time", {"city": "Rome"})]
    assert calls(ask("Weather in Rome?", TOOLS, tool_choice=named)) == [("get_time", {"city": "Rome"})]
    assert calls(ask("Weather in Rome?", TOOLS, tool_choice="none")) == []


def test_who_insists_on_a_call_still_gets_an_answer_from_its_result() -> None:
    messages = [user("Weather in Rome?")]
    first = ask("Weather in Rome?", TOOLS, tool_choice="required")
    second = reply("chat", follow(messages, first, ["sunny"]), {"tools": TOOLS, "tool_choice": "required"})
    assert second.text == "The tool get_weather answered: sunny"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Fetch http://a.example/p and save it as note Blimp.", "Blimp"),
        ('Fetch the page http://a.example/p, then save the text under the name "salt and pepper"', "salt and pepper"),
        ("Use fetch_page on http://a.example/p, then use save_note to store what it says as Blimp", "Blimp"),
    ],
)
def test_a_second_tool_gets_the_first_result(text: str, title: str) -> None:
    page = f"The page says {secrets.token_hex(4)}."
    messages = [user(text)]
    first = reply("chat", messages, {"tools": TOOLS})
    assert calls(first) == [("fetch_page", {"url": "http://a.example/p"})]
    messages = follow(messages, first, [page])
    second = reply("chat", messages, {"tools": TOOLS})
    assert calls(second) == [("save_note", {"title": title, "text": page})]
    last = reply("chat", follow(messages, second, ["saved"]), {"tools": TOOLS})
    assert last.tool_calls == ()
    assert page in last.text
    assert "The tool save_note answered: saved" in last.text


def test_a_failed_tool_ends_the_chain() -> None:
    text = "Fetch http://a.example/p and save it as note Blimp."
    first = ask(text, TOOLS)
    answer = reply("chat", follow([user(text)], first, ["Error: no such page"]), {"tools": TOOLS})
    assert answer.text == "The tool fetch_page answered: Error: no such page"


def test_answers_from_the_sentence_of_the_retrieved_text_that_fits() -> None:
    word = secrets.token_hex(4)
    question = "How is the flux valve turned?"
    chunks = (
        f"# Upkeep\n\nThe flux valve is turned\nwith a {word} spanner. Oil it in May.",
        "Cats sleep. Dogs bark.",
    )
    first = ask(question, TOOLS)
    answer = reply("chat", follow([user(question)], first, [retrieved(*chunks)]), {"tools": TOOLS})
    assert answer.text == (f"The tool knowledge_search found: The flux valve is turned with a {word} spanner.")


def test_a_heading_speaks_for_the_sentences_below_it() -> None:
    question = "What about the flux valve?"
    chunk = "## Flux valve\n\nTurn it left.\n\n## Cats\n\nThey sleep."
    answer = reply("chat", follow([user(question)], ask(question, TOOLS), [retrieved(chunk)]))
    assert answer.text == "The tool knowledge_search found: Turn it left."


def test_file_search_results_are_unwrapped_too() -> None:
    text = (
        "knowledge_search tool found 1 chunks:\nBEGIN of knowledge_search tool results.\n\n"
        "[1] document_id: file-1, score: 0.5, attributes: {'a': 'valve'}\nThe valve is red. Cats sleep.\n\n"
        "END of knowledge_search tool results.\n\n"
        'The above results were retrieved to help answer the user\'s query: "valve". Use them.\n'
    )
    question = "What colour has the valve?"
    answer = reply("chat", follow([user(question)], ask(question, TOOLS), [text]))
    assert answer.text == "The tool knowledge_search found: The valve is red."


def test_nothing_retrieved_is_said_so() -> None:
    question = "What colour has the valve?"
    answer = reply("chat", follow([user(question)], ask(question, TOOLS), [retrieved()]))
    assert answer.text == "The tool knowledge_search found nothing."


def test_fills_a_json_schema_from_the_message() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": TEXT,
            "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "address": {"$ref": "#/$defs/Address"},
            "tags": {"type": "array", "items": TEXT},
            "mood": {"enum": ["glad", "sad"]},
        },
        "required": ["name"],
        "$defs": {"Address": {"type": "object", "properties": {"city": TEXT}, "required": ["city"]}},
    }
    response_format = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    answer = ask("Name: Zoe, age 33, sad, lives in Rome, tags: red, blue", response_format=response_format)
    assert json.loads(answer.text) == {
        "name": "Zoe",
        "age": 33,
        "address": {"city": "Rome"},
        "tags": ["red", "blue"],
        "mood": "sad",
    }


def test_max_tokens_and_stop_cut_the_answer() -> None:
    whole = ask("one two three").text
    short = ask("one two three", max_tokens=5)
    assert whole.startswith(short.text)
    assert (short.completion_tokens, short.finish_reason) == (5, "length")
    stopped = ask("one two three", stop=["two"])
    assert stopped.text.endswith("one ")
    assert stopped.finish_reason == "stop"


def test_pieces_join_to_the_text() -> None:
    text = "one  two\nthree "
    assert list(pieces(text)) == ["one", "  two", "\nthree "]


def test_an_unknown_model_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nope"):
        reply("nope", [user("hi")])


def test_the_script_needs_no_litellm() -> None:
    program = "import sys, llama_stack_provider_litellm.demo.script; print('litellm' in sys.modules)"
    path = [entry for entry in sys.path if entry]
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "False"
