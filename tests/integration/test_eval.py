"""Evaluation: a candidate on a LiteLLM model, scored by rules and by a judge on another."""

from __future__ import annotations

from typing import Any

from tests.differences import needs
from tests.line import LINE
from tests.stack import Stack

pytestmark = needs("eval")

CANDIDATE: Any = {
    "type": "model",
    "model": "litellm/gpt",
    "sampling_params": {"strategy": {"type": "greedy"}, "max_tokens": 50},
}


def rows(word: str) -> list[dict[str, str]]:
    """Questions whose echo holds the expected answer, but for the last."""
    asked = [f"say alpha{word}", f"say beta{word}", "say something"]
    expected = [f"alpha{word}", f"beta{word}", f"gamma{word}"]
    return [
        {
            "input_query": question,
            "chat_completion_input": f'[{{"role": "user", "content": "{question}"}}]',
            "expected_answer": answer,
        }
        for question, answer in zip(asked, expected, strict=True)
    ]


def datasets(stack: Stack) -> Any:
    """The client's way to datasets: each line's client has it elsewhere."""
    client = stack.client()
    return client.datasets if LINE.name == "0.2" else client.beta.datasets


def evals(stack: Stack) -> Any:
    """The client's way to benchmarks and evals."""
    client = stack.client()
    return client if LINE.name == "0.2" else client.alpha


def register(stack: Stack, word: str, scoring: str) -> tuple[str, str]:
    """A dataset and a benchmark on it."""
    dataset, benchmark = f"data-{word}", f"bench-{word}"
    datasets(stack).register(
        dataset_id=dataset, purpose="eval/messages-answer", source={"type": "rows", "rows": rows(word)}
    )
    evals(stack).benchmarks.register(benchmark_id=benchmark, dataset_id=dataset, scoring_functions=[scoring])
    return dataset, benchmark


def test_basic_scoring(stack: Stack, word: str) -> None:
    _, benchmark = register(stack, word, "basic::subset_of")
    result = evals(stack).eval.evaluate_rows(
        benchmark_id=benchmark,
        benchmark_config={"eval_candidate": CANDIDATE},
        input_rows=rows(word),
        scoring_functions=["basic::subset_of"],
    )
    scores = [row["score"] for row in result.scores["basic::subset_of"].score_rows]
    assert scores == [1.0, 1.0, 0.0]
    assert word in str(result.generations[0])


def test_llm_as_judge(stack: Stack, word: str) -> None:
    judge = {
        "type": "llm_as_judge",
        "judge_model": "litellm/judge",
        "prompt_template": "EXPECTED: {expected_answer}\nGENERATED: {generated_answer}\n",
        "judge_score_regexes": [r"Score: (\d+)"],
        # A judge's score is text to the host, which cannot average it.
        "aggregation_functions": ["categorical_count"],
    }
    scored = stack.client().scoring.score(
        input_rows=[
            {"input_query": "q", "expected_answer": word, "generated_answer": f"it is {word}"},
            {"input_query": "q", "expected_answer": word, "generated_answer": "no idea"},
        ],
        scoring_functions={"llm-as-judge::base": judge},
    )
    result = scored.results["llm-as-judge::base"]
    assert [row["score"] for row in result.score_rows] == ["1", "0"]
    assert result.aggregated_results["categorical_count"] == {"categorical_count": {"1": 1, "0": 1}}
