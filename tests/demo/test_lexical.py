"""The hashing embedding."""

import json
import math
import subprocess
import sys

from llama_stack_provider_litellm.demo.lexical import embed


def cosine(one: str, other: str) -> float:
    return sum(left * right for left, right in zip(embed(one), embed(other), strict=True))


def test_embeddings_are_near_for_texts_that_share_words() -> None:
    question = "How is the flux valve turned?"
    assert cosine(question, "Flux valves turn with a spanner.") > 0.5
    assert abs(cosine(question, "How is the cat that sleeps all day?")) < 0.2
    assert cosine("colour", "colors") > cosine("colour", "banana") + 0.1
    assert math.isclose(cosine(question, question), 1)


def test_embeddings_have_the_length_asked_for_and_are_never_zero() -> None:
    assert len(embed("valve", 7)) == 7
    assert math.isclose(sum(value * value for value in embed("")), 1)


def test_embeddings_are_the_same_in_another_process() -> None:
    program = "from llama_stack_provider_litellm.demo.lexical import embed; print(embed('flux valve', 16))"
    path = [entry for entry in sys.path if entry]
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {program}"],
        env={"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout) == embed("flux valve", 16)
