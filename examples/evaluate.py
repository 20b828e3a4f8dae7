"""An eval: a candidate model answers, a rule and a judge model score the answers."""

import os

from llama_stack_client import LlamaStackClient

client = LlamaStackClient(base_url=os.environ.get("LLAMA_STACK_URL", "http://localhost:8321"))
# llama-stack 0.7's client has these elsewhere.
datasets = getattr(client, "datasets", None) or client.beta.datasets
benchmarks = getattr(client, "benchmarks", None) or client.alpha.benchmarks
evals = getattr(client, "eval", None) or client.alpha.eval

rows = [
    {
        "input_query": "Repeat the word zebra.",
        "chat_completion_input": '[{"role": "user", "content": "Repeat the word zebra."}]',
        "expected_answer": "zebra",
    }
]

datasets.register(dataset_id="words", purpose="eval/messages-answer", source={"type": "rows", "rows": rows})
benchmarks.register(benchmark_id="words", dataset_id="words", scoring_functions=["basic::subset_of"])
result = evals.evaluate_rows(
    benchmark_id="words",
    benchmark_config={
        "eval_candidate": {
            "type": "model",
            "model": os.environ.get("MODEL", "litellm/demo-chat"),
            "sampling_params": {"strategy": {"type": "greedy"}, "max_tokens": 100},
        },
        "scoring_params": {},
    },
    input_rows=rows,
    scoring_functions=["basic::subset_of"],
)
print("rule: ", result.scores["basic::subset_of"].score_rows[0]["score"])

judged = client.scoring.score(
    input_rows=[{**rows[0], "generated_answer": result.generations[0]["generated_answer"]}],
    scoring_functions={
        "llm-as-judge::base": {
            "type": "llm_as_judge",
            "judge_model": os.environ.get("JUDGE_MODEL", "litellm/demo-judge"),
            "prompt_template": (
                "Expected: {expected_answer}\nAnswer: {generated_answer}\nRate the answer and end with: Score: <0-10>"
            ),
            "judge_score_regexes": [r"Score: (\d+)"],
            "aggregation_functions": ["categorical_count"],
        }
    },
)
print("judge:", judged.results["llm-as-judge::base"].score_rows[0]["score"])
