"""Every exception that LiteLLM can raise, over the wire of a running stack: in no answer, and amid one.

What the vendors' own answers lead to is in test_errors.py; here a LiteLLM custom provider raises each class.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from llama_stack_provider_litellm import errors
from tests import modes
from tests.line import refusal
from tests.processes import ROOT
from tests.stack import Stack, running_stack
from tests.test_errors import ROWS

pytestmark = pytest.mark.any_host

CONFIG = """
model_list: [{model_name: raiser, litellm_params: {model: raising/it}}]
litellm_settings: {custom_provider_map: [{provider: raising, custom_handler: shim.handler}]}
router_settings: {num_retries: 0, disable_cooldowns: true}
"""

# What has no status of its own a LiteLLM Proxy answers with a 500 of its own, and with nothing but the message.
BARE = {
    "APIResponseValidationError": ("before", "after"),
    "ModifyResponseException": ("before", "after"),
    "OpenAIError": ("whole", "before", "after"),
    "SensitiveDataRouteException": ("whole", "before", "after"),
}
# With these a guardrail says what shall be answered: a LiteLLM Proxy does, with a 200 and this `finish_reason`.
ANSWERED = {"ModifyResponseException": "content_filter", "RejectedRequestError": "stop"}


@pytest.fixture(scope="module")
def raising(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("raising")
    # LiteLLM looks for the module beside the config file.
    (folder / "shim.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.raising import handler\n"
    )
    with running_stack(folder, CONFIG) as stack:
        yield stack


def ask(stack: Stack, text: str, *, stream: bool) -> httpx.Response:
    body = {"model": "raiser", "messages": [{"role": "user", "content": text}], "stream": stream}
    return httpx.post(f"{stack.openai_url}/chat/completions", json=body, timeout=20)


@pytest.mark.parametrize("when", ["whole", "before", "after"])
@pytest.mark.parametrize("name", ROWS)
def test_each_class(raising: Stack, name: str, when: str) -> None:
    begun = len(raising.log)
    answer = ask(raising, f"{when} {name}", stream=when != "whole")
    if modes.current != "embedded" and when == "whole" and name in ANSWERED:
        (choice,) = answer.json()["choices"]
        assert (choice["finish_reason"], "boom" in choice["message"]["content"]) == (ANSWERED[name], True)
        return
    bare = modes.current != "embedded" and when in BARE.get(name, ())
    kind = errors.ProxyFailed if bare else ROWS[name]
    status, message = refusal(answer)
    if when != "whole":
        assert ("begun" in answer.text) is (when == "after")
    assert status == kind.status_code, message
    assert message.startswith("Model raiser"), message
    assert message.endswith(kind.mend)
    assert "litellm." not in message.replace("docs.litellm.ai", "")
    assert "Traceback" not in raising.log[begun:], raising.log[begun:]
