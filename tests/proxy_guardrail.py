"""A guardrail for a test's LiteLLM Proxy: it refuses every request that holds a certain word.

::

    guardrails:
    - guardrail_name: no-secrets
      litellm_params: {guardrail: tests.proxy_guardrail.Forbidden, mode: pre_call, default_on: true, word: secret}

It runs in the proxy's environment, where the tests' own packages are missing.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_guardrail import CustomGuardrail


class Forbidden(CustomGuardrail):
    """Refuses a request whose messages, prompt or input hold ``word``."""

    def __init__(self, word: str, **options: Any) -> None:
        super().__init__(**options)
        self._word = word

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> dict[str, Any]:
        """LiteLLM's hook before a call; the name of the guardrail is added to the error by LiteLLM."""
        said = json.dumps([data.get(key) for key in ("messages", "prompt", "input")])
        if self._word in said:
            raise HTTPException(status_code=400, detail={"error": "Violated guardrail policy", "word": self._word})
        return data
