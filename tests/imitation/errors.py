"""What is said in place of an answer: LiteLLM's errors, and those of what stands around it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from .directives import Directives
from .wire import LAST, Reply, call_id, date

# What LiteLLM 1.106.2 makes of an OpenAI-compatible vendor's error: the words before the message, and the type.
_VENDOR = {
    400: ("BadRequestError: ", "invalid_request_error"),
    401: ("AuthenticationError: AuthenticationError: ", "authentication_error"),
    403: ("APIError: APIError: ", "permission_error"),
    404: ("NotFoundError: ", "invalid_request_error"),
    408: ("BadRequestError: ", "invalid_request_error"),
    409: ("BadRequestError: ", "invalid_request_error"),
    422: ("BadRequestError: ", "invalid_request_error"),
    429: ("RateLimitError: RateLimitError: ", "throttling_error"),
    500: ("InternalServerError: InternalServerError: ", "internal_server_error"),
    502: ("BadGatewayError: BadGatewayError: ", "internal_server_error"),
    503: ("ServiceUnavailableError: ServiceUnavailableError: ", "internal_server_error"),
    504: ("Timeout: Timeout Error: ", "internal_server_error"),
}
_NO_FALLBACK = "LiteLLM: model group '%s' failed with the error above. No fallback was attempted."
_PAGE = (
    "<html>\r\n<head><title>%(title)s</title></head>\r\n<body>\r\n<center><h1>%(title)s</h1></center>\r\n"
    "<hr><center>nginx/1.27.4</center>\r\n</body>\r\n</html>\r\n"
)


def status_line(status: int) -> bytes:
    """The first line of an answer."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def error(status: int, message: str, kind: str, param: str | None = None, headers: str = "") -> Reply:
    """An error in LiteLLM's form. `headers` are whole lines."""
    said = {"error": {"message": message, "type": kind, "param": param, "code": str(status)}}
    lines = b"date: %b\r\n%bcontent-type: application/json\r\n" % (date(), headers.encode())
    return Reply(status_line(status) + lines + LAST, compact(said))


def called(status: int, message: str, kind: str, param: str | None = None, headers: str = "") -> Reply:
    """An error of a call that LiteLLM has begun."""
    lines = f"x-litellm-call-id: {call_id().decode()}\r\nx-litellm-response-cost: 0\r\nx-litellm-key-spend: 0.0\r\n"
    return error(status, message, kind, param, headers + lines)


def vendor(said: Directives, model: str) -> Reply:
    """``[[error …]]``."""
    status, *words = said["error"].split()
    headers = "".join(f"{name}: {value}\r\n" for name, value in (word.split("=", 1) for word in words))
    prefix, kind = _VENDOR.get(int(status), _VENDOR[400 if status < "500" else 500])
    message = f"litellm.{prefix}OpenAIException - The vendor said {status}\n\n{_NO_FALLBACK % model}"
    return called(int(status), message, kind, headers=f"{headers}x-litellm-timeout: 6000.0\r\n")


def in_stream(status: str) -> bytes:
    """``[[stream-error …]]``: the event's data, spaced as LiteLLM does it here."""
    prefix, _ = _VENDOR.get(int(status or 500), _VENDOR[500])
    message = f"litellm.{prefix}OpenAIException - The stream broke"
    return json.dumps({"error": {"message": message, "type": None, "param": None, "code": status or "500"}}).encode()


def unknown_model(model: Any) -> Reply:
    """LiteLLM's 400 where a wildcard stands among the models."""
    why = f"litellm.BadRequestError: You passed in model={model}. There are no healthy deployments for this model"
    return called(400, f"{why}\n\n{_NO_FALLBACK % model}", "invalid_request_error")


def missing(path: str, name: str) -> Reply:
    """LiteLLM's 400 for a body without what it is about."""
    return called(400, f"{path}: Missing required parameter: '{name}'.", "invalid_request_error", name)


def of_key(key: str) -> Reply | None:
    """The refusal of a key."""
    if not key:
        return error(401, "Authentication Error, No api key passed in.", "auth_error", "None")
    if key.startswith("sk-unknown"):
        why = (
            f"Invalid proxy server token passed. key={key[-4:]}, not found in db. Create key via `/key/generate` call."
        )
        return error(401, f"Authentication Error, {why}", "token_not_found_in_db", "key")
    if key.startswith("sk-budget"):
        return error(422, "Budget has been exceeded! Current cost: 2.0, Max budget: 1.0", "budget_exceeded")
    if key.startswith("sk-limited"):
        why = "Rate limit exceeded for api_key: 70. Limit type: requests. Current limit: 1, Remaining: 0."
        return called(429, why, "throttling_error", headers="retry-after: 60\r\nrate_limit_type: requests\r\n")
    return None


def detail(status: int) -> Reply:
    """What the proxy's web framework says of a path or a method that there is not."""
    lines = b"date: %b\r\ncontent-type: application/json\r\n" % date()
    return Reply(status_line(status) + lines + LAST, compact({"detail": HTTPStatus(status).phrase}))


def gone(status: int) -> Reply:
    """``[[gone …]]``: nothing in it is LiteLLM's."""
    lines = b"server: nginx/1.27.4\r\ndate: %b\r\ncontent-type: text/html\r\n" % date()
    return Reply(status_line(status) + lines, (_PAGE % {"title": f"{status} {HTTPStatus(status).phrase}"}).encode())


def html() -> Reply:
    """``[[html]]``."""
    head = b"HTTP/1.1 200 OK\r\nserver: nginx/1.27.4\r\ndate: %b\r\ncontent-type: text/html; charset=utf-8\r\n" % date()
    return Reply(head, b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form></form></body></html>\n")


def crash() -> Reply:
    """``[[crash]]``; LiteLLM without the package prisma answers so to a bad key."""
    head = b"HTTP/1.1 500 Internal Server Error\r\ndate: %b\r\ncontent-type: text/plain; charset=utf-8\r\n" % date()
    return Reply(head + b"connection: close\r\n", [b"Internal Server Error"])


def compact(said: Any) -> bytes:
    """JSON as LiteLLM writes it."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
