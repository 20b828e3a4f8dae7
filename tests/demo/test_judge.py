"""The judge, on templates of the host, of its documentation and of plain people."""

import re
import secrets

import pytest
from llama_stack.providers.inline.scoring.llm_as_judge.scoring_fn.fn_defs.llm_as_judge_405b_simpleqa import (
    GRADER_TEMPLATE,
)

from llama_stack_provider_litellm.demo.script import reply

PLAIN = "Expected: {expected_answer}\nAnswer: {generated_answer}\nCompare, then reply with Score: 0-10"
INLINE = (
    "Expected answer: {expected_answer}. Generated answer: {generated_answer}. "
    "On a scale of 1 to 5, how good is it? End with Rating: N"
)
YES_NO = "Expected: {expected_answer}\nAnswer: {generated_answer}\nIs it right? Say yes or no."
FACTUALITY = (
    "Select one:\n(A) The GENERATED_RESPONSE is a subset of the EXPECTED_RESPONSE.\n"
    "(B) The GENERATED_RESPONSE is a superset of the EXPECTED_RESPONSE.\n"
    "(C) The GENERATED_RESPONSE contains all the same details as the EXPECTED_RESPONSE.\n"
    "(D) There is a disagreement between the GENERATED_RESPONSE and the EXPECTED_RESPONSE.\n"
    'Give your answer in the format "Answer: One of ABCD, Explanation: ".\n'
    "QUESTION: {input_query}\nGENERATED_RESPONSE: {generated_answer}\nEXPECTED_RESPONSE: {expected_answer}\n"
)


def ask(prompt: str) -> str:
    return reply("judge", [{"role": "user", "content": prompt}]).text


@pytest.mark.parametrize(
    ("template", "pattern", "right", "wrong"),
    [
        (GRADER_TEMPLATE, r"(A|B|C)", "A", "B"),
        (PLAIN, r"Score: (\d+)$", "10", "0"),
        (PLAIN, r"(\d+)", "10", "0"),
        (INLINE, r"Rating: (\d+)$", "5", "1"),
        (YES_NO, r"(yes|no)$", "yes", "no"),
        (FACTUALITY, r"Answer: (A|B|C|D)", "C", "D"),
    ],
)
def test_the_judge_answers_in_the_form_asked_for(template: str, pattern: str, right: str, wrong: str) -> None:
    word = secrets.token_hex(4)

    def score(answer: str) -> str:
        prompt = template.format(input_query="What is the codeword?", expected_answer=word, generated_answer=answer)
        text = ask(prompt)
        found = re.search(pattern, text)
        assert found, text
        return found[1]

    assert score(f"The codeword is {word}.") == right
    assert score("The codeword is something else.") == wrong


def test_the_judge_knows_who_has_not_tried() -> None:
    prompt = GRADER_TEMPLATE.format(
        input_query="Who?", expected_answer="Ada Lovelace", generated_answer="I don't know."
    )
    assert ask(prompt) == "C"


def test_the_judge_says_what_it_misses() -> None:
    assert "no expected and generated answer" in ask("Is this good?")
