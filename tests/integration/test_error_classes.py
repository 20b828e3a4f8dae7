"""Every exception that LiteLLM can raise, over the wire of a running stack: in no answer, and amid one.

What the vendors' own answers lead to is in test_errors.py; here a LiteLLM custom provider raises each class.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.processes import ROOT
from tests.stack import Stack, running_stack
from tests.test_errors import ROWS

CONFIG = """
model_list: [{model_name: raiser, litellm_params: {model: raising/it}}]
litellm_settings: {custom_provider_map: [{provider: raising, custom_handler: shim.handler}]}
router_settings: {num_retries: 0, disable_cooldowns: true}
"""


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
    return httpx.post(f"{stack.url}/v1/openai/v1/chat/completions", json=body, timeout=20)


@pytest.mark.parametrize("when", ["whole", "before", "after"])
@pytest.mark.parametrize("name", ROWS)
def test_each_class(raising: Stack, name: str, when: str) -> None:
    begun = len(raising.log)
    answer = ask(raising, f"{when} {name}", stream=when != "whole")
    kind = ROWS[name]
    if when == "whole":
        status, message = answer.status_code, answer.json()["detail"]
    else:
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        status, message = events[-1]["error"]["message"].split(": ", 1)
        assert ("begun" in answer.text) is (when == "after")
    assert int(status) == kind.status_code, message
    assert message.startswith("Model raiser"), message
    assert message.endswith(kind.mend)
    assert "litellm." not in message.replace("docs.litellm.ai", "")
    assert "Traceback" not in raising.log[begun:], raising.log[begun:]
