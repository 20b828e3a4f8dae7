"""Parameters on their way through a LiteLLM Proxy, whose vendors take some of them only."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import InvalidRequest, RequestError, UnsupportedParameter
from ..base import Request
from ..parameters import (
    CHOSEN,
    ONE_PROMPT,
    OPENAI_SHAPED,
    TAKE_MANY_PROMPTS,
    TEXT_SERVERS,
    UNDERSTOOD,
    unsupported,
    without_usual_tier,
)
from .discovery import vendor_of

logger = logging.getLogger(__name__)

# Behind a wildcard the models are named by callers.
_MOST_LEARNT = 1000


class Guard:
    """Knows which parameters a model does not take, from what the proxy says of its deployments, and from refusals."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._own_temperature: set[str] = set()

    def checked(self, request: Request, deployments: Sequence[Mapping[str, Any]]) -> Request:
        """The request as the model can take it. Raises UnsupportedParameter where the provider's config says
        ``strict_params``: whether the proxy would refuse a parameter or leave it out depends on its config."""
        model = request["model"]
        if request.get("greedy") and model in self._own_temperature:
            request = {name: value for name, value in request.items() if name != "greedy"}
        request = without_usual_tier(request, all(_takes_tiers(item) for item in deployments))
        if self._strict:
            lost = {name for item in deployments for name in _not_taken(request, item)}
            if lost:
                raise unsupported(model, lost)
        return _with_one_prompt(request, deployments)

    def learns(self, refusal: RequestError, request: Request) -> bool:
        """Whether the request is worth another try: a temperature that no caller chose was what it failed for."""
        model = request["model"]
        if not (isinstance(refusal, UnsupportedParameter) and request.get("greedy") and "temperature" in str(refusal)):
            return False
        if len(self._own_temperature) >= _MOST_LEARNT:
            return False
        self._own_temperature.add(model)
        logger.warning("Model '%s': its vendor does not take `temperature: 0`; it is left out.", model)
        return True


def understood(body: dict[str, Any], deployments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body, and word to LiteLLM that OpenAI-shaped vendors take what it would hold back from a model that it does
    not know."""
    held_back = [name for name in UNDERSTOOD if name in body]
    if held_back and OPENAI_SHAPED.issuperset(vendor_of(item) for item in deployments):
        return {**body, "allowed_openai_params": held_back}
    return body


def _with_one_prompt(request: Request, deployments: Sequence[Mapping[str, Any]]) -> Request:
    """Raises InvalidRequest for several prompts, or tokens, of which the proxy would make one chat."""
    prompt = request.get("prompt", "")
    chats = [item for item in deployments if not _takes_many_prompts(item)]
    if isinstance(prompt, str) or not chats:
        return request
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return {**request, "prompt": prompt[0]}
    model = request["model"]
    raise InvalidRequest(f"Model {model} ({chats[0]['litellm_params']['model']}): {ONE_PROMPT}.", model=model)


def _takes_many_prompts(deployment: Mapping[str, Any]) -> bool:
    info = deployment.get("model_info")
    if info is None:
        # Nobody has described it: the proxy will know.
        return True
    vendor = vendor_of(deployment)
    # LiteLLM sends to OpenAI's text endpoint what it does not know from the chats.
    return vendor in TAKE_MANY_PROMPTS | TEXT_SERVERS or (vendor == "openai" and "max_output_tokens" not in info)


def _takes_tiers(deployment: Mapping[str, Any]) -> bool:
    taken = (deployment.get("model_info") or {}).get("supported_openai_params")
    # Of what nobody has described the proxy will know.
    return not isinstance(taken, list) or "service_tier" in taken


def _not_taken(request: Request, deployment: Mapping[str, Any]) -> set[str]:
    taken = (deployment.get("model_info") or {}).get("supported_openai_params")
    if not isinstance(taken, list):
        return set()
    shaped = set(UNDERSTOOD) if vendor_of(deployment) in OPENAI_SHAPED else set()
    return set(CHOSEN & request.keys()) - set(taken) - shaped
