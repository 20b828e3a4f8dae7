"""What a call costs while others change LiteLLM's price list."""

from __future__ import annotations

from collections.abc import Iterator

import litellm.utils
import pytest
from litellm import Choices, Message, ModelResponse, Router, Usage, completion_cost

from llama_stack_provider_litellm.engines import library

INPUT, OUTPUT = 5e-7, 1.1e-6


# The price does not hang on the first of its lookups.
FAILS = 5


@pytest.fixture
def router() -> Iterator[Router]:
    library.import_litellm()
    prices = {"input_cost_per_token": INPUT, "output_cost_per_token": OUTPUT}
    params = {"model": "gemini/gemini-2.5-flash", "api_key": "k", **prices}
    made = Router([{"model_name": "m", "litellm_params": params}])
    yield made
    made.discard()


def test_the_configs_price_holds(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    build, left = litellm.utils._rebuild_model_cost_lowercase_map, [None] * FAILS

    def taken_away() -> dict[str, str] | None:
        """The index, as far as no other thread has taken it away before it is read."""
        return left.pop() if left else build()

    monkeypatch.setattr(litellm.utils, "_rebuild_model_cost_lowercase_map", taken_away)
    litellm.utils._invalidate_model_cost_lowercase_map()
    answer = ModelResponse(
        model="gemini-2.5-flash",
        choices=[Choices(message=Message(content="x"))],
        usage=Usage(prompt_tokens=6, completion_tokens=6, total_tokens=12),
    )
    cost = completion_cost(
        answer,
        model="gemini/gemini-2.5-flash",
        custom_llm_provider="gemini",
        custom_pricing=True,
        router_model_id=router.model_list[0]["model_info"]["id"],
    )
    assert cost == pytest.approx(6 * INPUT + 6 * OUTPUT, abs=1e-12)
    assert not left
