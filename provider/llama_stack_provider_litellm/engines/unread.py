"""What LiteLLM writes for loggers, on the event loop, and nobody reads where there is none.

Of an embedding answer every number, as text and in a copy: twice as long as to read the answer. Of a failed call what a
logger is told of any call, searched for secrets: a tenth of the call. Imported with litellm, and so by no module's
head.
"""

from __future__ import annotations

import datetime
import logging
from typing import Any

import litellm
from litellm.litellm_core_utils.litellm_logging import Logging

from ..patching import replace
from .callbacks import LISTS

_EMBEDDINGS = ("embedding", "aembedding")
_DYNAMIC = tuple(
    f"dynamic_{name}_callbacks" for name in ("input", "success", "async_success", "failure", "async_failure")
)


def install() -> None:
    """Let LiteLLM write it where somebody reads it, once per process."""
    replace(Logging, "post_call", _answer_if_read)
    replace(Logging, "_build_standard_logging_payload", _numbers_if_read)
    replace(Logging, "_failure_handler_helper_fn", _failure_if_read)


def _answer_if_read(original: Any) -> Any:
    def post_call(self: Any, original_response: Any, *args: Any, **named: Any) -> Any:
        if isinstance(original_response, dict) and self.call_type in _EMBEDDINGS and not _is_read(self):
            original_response = ""
        return original(self, original_response, *args, **named)

    return post_call


def _numbers_if_read(original: Any) -> Any:
    def _build_standard_logging_payload(self: Any, init_response_obj: Any, *args: Any, **named: Any) -> Any:
        if isinstance(init_response_obj, litellm.EmbeddingResponse) and not _is_read(self):
            init_response_obj = init_response_obj.model_copy(update={"data": []})
        return original(self, init_response_obj, *args, **named)

    return _build_standard_logging_payload


def _failure_if_read(original: Any) -> Any:
    def _failure_handler_helper_fn(
        self: Any, exception: Any, traceback_exception: Any, start_time: Any = None, end_time: Any = None
    ) -> tuple[Any, Any]:
        if _is_read(self):
            told: tuple[Any, Any] = original(self, exception, traceback_exception, start_time, end_time)
            return told
        # What the Router's own callbacks take.
        details, end_time = self.model_call_details, end_time or datetime.datetime.now()
        details.update(log_event_type="failed_api_call", exception=exception, end_time=end_time)
        details.setdefault("original_response", None)
        if details.get("combined_usage_object") is None:
            details["response_cost"] = 0
        if isinstance(headers := getattr(exception, "headers", None), dict):
            (details.setdefault("litellm_params", {}).get("metadata") or {}).update(headers)
        return start_time or self.start_time, end_time

    return _failure_handler_helper_fn


def _is_read(call: Any) -> bool:
    """Whether any logger but the Router's own, which count, is told of a call."""
    told = [item for name in LISTS for item in getattr(litellm, name)]
    told += [item for name in _DYNAMIC for item in getattr(call, name, None) or ()]
    return (
        bool(call.logger_fn or call.litellm_request_debug)
        or logging.getLogger("LiteLLM").isEnabledFor(logging.DEBUG)
        or not all(isinstance(getattr(item, "__self__", None), litellm.Router) for item in told)
    )
