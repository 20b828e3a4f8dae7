"""Budgets and rates of the LiteLLM config: they hold, and their refusals say which and until when."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests import modes
from tests.integration.routed import Answer, Routed, deployment, routed
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

PRICED: dict[str, Any] = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}


def config(upstream: Upstream) -> dict[str, Any]:
    models = [
        deployment(upstream, "pair", "pair-a"),
        deployment(upstream, "pair", "pair-b"),
        deployment(upstream, "relieved", "relieved-small", max_budget=0.05, budget_duration="1d", **PRICED),
        deployment(upstream, "relieved", "relieved-large", input_cost_per_token=0.5, output_cost_per_token=0.5),
        deployment(upstream, "claude", "claude-1", model="anthropic/claude-sonnet-4-5", **PRICED),
    ]
    for how in ("whole", "streamed"):
        budget: dict[str, Any] = {"max_budget": 0.05, "budget_duration": "1d", **PRICED}
        models += [
            deployment(upstream, f"requests-{how}", f"requests-{how}-1", rpm=5),
            deployment(upstream, f"tokens-{how}", f"tokens-{how}-1", tpm=100),
            deployment(upstream, f"budgeted-{how}", f"budgeted-{how}-1", **budget),
        ]
    settings = {
        "routing_strategy": "usage-based-routing-v2",
        "num_retries": 0,
        "provider_budget_config": {"anthropic": {"budget_limit": 0.05, "time_period": "1d"}},
        # Beside it LiteLLM sets its own check of budgets.
        "optional_pre_call_checks": ["responses_api_deployment_check"],
        "disable_cooldowns": True,
    }
    return {"model_list": models, "router_settings": settings}


@pytest.fixture(scope="module")
def stack(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    with routed(tmp_path_factory.mktemp("limits"), upstream, config(upstream)) as server:
        yield server


def until_refused(ask: Callable[[], Answer]) -> tuple[list[Answer], Answer]:
    """The answers until the first refusal, and that. LiteLLM books what a call has used after it."""
    given: list[Answer] = []
    for _ in range(60):
        answer = ask()
        if not answer.about:
            return given, answer
        given.append(answer)
    raise AssertionError("60 calls, and no limit was met")


def in_one_minute[Result](test: Callable[[int], Result]) -> Result:
    """What the test returns, of a run that no full minute interrupts: LiteLLM then counts from 0 again.

    The test gets the number of the run.
    """
    for run in range(3):
        minute = datetime.now(UTC).minute
        result = test(run)
        if datetime.now(UTC).minute == minute:
            break
    return result


def test_usage_based_routing(stack: Routed, word: str) -> None:
    def run(number: int) -> list[str]:
        heavy = stack.chat("pair", f"{word}-{number} " + "and so on " * 400).by
        # LiteLLM books the tokens in the background; then the other one has the fewer for all of these.
        light = [stack.chat("pair", word).by for _ in range(60)]
        return [heavy, *light]

    heavy, *light = in_one_minute(run)
    # Chance would avoid it 40 times once in 10^12.
    assert heavy not in light[20:]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("model", "limit"), [("requests", "5 requests (rpm)"), ("tokens", "100 tokens (tpm)")])
def test_a_rate(stack: Routed, word: str, model: str, limit: str, stream: bool) -> None:
    name = f"{model}-{'streamed' if stream else 'whole'}"
    # The same each time: LiteLLM adds a prompt's tokens to what is used, and a shorter one might still fit.
    text = f"{word} a b"

    def run(_: int) -> tuple[int, Answer]:
        # LiteLLM books the tokens of a stream where this routing does not look for them: only whole answers fill up.
        given = until_refused(lambda: stack.chat(name, text))[0]
        return len(given), stack.chat(name, text, stream=stream)

    let_through, refused = in_one_minute(run)
    # A call here has 8 tokens; LiteLLM lets one request less through than `rpm` says.
    assert let_through <= (5 if model == "requests" else 30)
    assert refused.refusal[0] == 429
    assert f"Model {name}: No deployments available for selected model: {name}-1 has had " in refused.text
    assert f" of {limit} this minute. Retry after 60 s." in refused.text
    assert stream or refused.headers["retry-after"] == "60"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_deployments_budget(stack: Routed, word: str, stream: bool) -> None:
    model = f"budgeted-{'streamed' if stream else 'whole'}"
    given, refused = until_refused(lambda: stack.chat(model, word, stream=stream))
    spent = [answer.about["cost_usd"] for answer in given]
    # None before the budget is spent; a few more while LiteLLM books.
    assert 0.05 <= sum(spent) <= 0.05 + 5 * max(spent)
    assert refused.refusal[0] == 429
    assert f"crossed budget: Exceeded budget for deployment model_name: {model}" in refused.text
    if modes.current == "embedded":
        (wait,) = re.findall(r" USD spent in 1d\. Retry after (\d+) s\. Wait until the budget resets", refused.text)
        assert 86_000 < int(wait) <= 86_400
    else:
        # A LiteLLM Proxy does not say when its budget resets.
        assert " USD spent in 1d. Wait until the budget resets" in refused.text


def test_a_sibling_answers_when_a_deployments_budget_is_spent(stack: Routed, word: str) -> None:
    answered = [stack.chat("relieved", word).by for _ in range(60)]
    assert 2 <= answered.count("relieved-small") <= 20
    assert set(answered[40:]) == {"relieved-large"}


def test_a_vendors_budget(stack: Routed, word: str) -> None:
    given, refused = until_refused(lambda: stack.chat("claude", word))
    spent = [answer.about["cost_usd"] for answer in given]
    assert 0.05 <= sum(spent) <= 0.05 + 5 * max(spent)
    assert refused.status == 429
    assert "Exceeded budget for provider anthropic" in refused.text
    # Another vendor's money is not spent.
    assert stack.chat("pair", word).about
