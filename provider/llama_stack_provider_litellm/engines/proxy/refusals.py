"""What a LiteLLM Proxy, or whatever answers in its place, says when it does not serve a request."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import aiohttp

from ... import errors, redaction, translation
from ...errors import ProxyFailed, RequestError
from ...translation import Redact

# What a gateway in front of the proxy answers when there is no proxy behind it.
_NOBODY_THERE = (502, 503, 504)
_BY_STATUS: dict[int, type[RequestError]] = {
    401: errors.KeyRefused,
    403: errors.KeyNotAllowed,
    408: errors.UpstreamTimeout,
    413: errors.InvalidRequest,
    422: errors.Unprocessable,
    429: errors.KeyLimited,
}
# Of a page that is no JSON so much is worth telling.
_LETTERS = 200


def redactor(*keys: str | None) -> Redact:
    """Takes the keys, and what looks like one, out of a text. What it needs for that it makes anew for each: errors are
    rare, and most have no text to look at."""
    return lambda text: redaction.Redactor({f"key-{number}": key for number, key in enumerate(keys)})(text)


def error(
    response: aiohttp.ClientResponse,
    body: bytes,
    *,
    url: str,
    redact: Redact,
    model: str | None = None,
    deployments: Collection[str] = (),
) -> RequestError:
    """The error that an answer with another status than 200 is."""
    said = _json(body)
    told = said.get("error") if isinstance(said, dict) else None
    # LiteLLM's own form; what is not, another server has said.
    if isinstance(told, Mapping) and "message" in told:
        return translation.from_proxy(
            told,
            status=response.status,
            headers=response.headers,
            model=model,
            deployments=deployments,
            redact=redact,
        )
    status = response.status
    if 300 <= status < 400:
        where = response.headers.get("location", "another address")
        return ProxyFailed(f"{url} redirects to {redact(where)}. Make that the `proxy.url`, if it is the proxy.")
    words = f"{url} answered {status} with {_shown(response, body, redact)}."
    if status in _NOBODY_THERE:
        return errors.ProxyGone(f"There is no LiteLLM Proxy behind it: {words} {errors.ProxyGone.mend}")
    kind = _BY_STATUS.get(status, ProxyFailed)
    wait = translation.wait_in(response.headers)
    return kind(f"{words} {kind.mend}", retry_after=wait)


def json_of(response: aiohttp.ClientResponse, body: bytes, *, url: str) -> Any:
    """The JSON of an answer. Raises ProxyFailed for one that is none."""
    found = _json(body)
    if found is None:
        raise _no_proxy(response, url)
    return found


def object_of(response: aiohttp.ClientResponse, body: bytes, *, url: str) -> dict[str, Any]:
    """The same of an answer that has to be an object."""
    found = json_of(response, body, url=url)
    if not isinstance(found, dict):
        raise _no_proxy(response, url)
    return found


def unknown_form(exc: Exception) -> ProxyFailed:
    """The error of an answer that is JSON and no answer."""
    return ProxyFailed(f"The LiteLLM Proxy answered in a form that is not known: {exc!r}.")


def check_streams(response: aiohttp.ClientResponse, *, url: str) -> None:
    """Raise ProxyFailed unless the answer is a stream of events."""
    if response.content_type != "text/event-stream":
        raise _no_proxy(response, url)


def _no_proxy(response: aiohttp.ClientResponse, url: str) -> RequestError:
    return ProxyFailed(
        f"{url} answered {response.status} with {response.content_type}, as no LiteLLM Proxy does. {ProxyFailed.mend}"
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _shown(response: aiohttp.ClientResponse, body: bytes, redact: Redact) -> str:
    if response.content_type == "text/html":
        return "a web page"
    text = " ".join(body.decode(errors="replace").split())
    return f"'{redact(text)[:_LETTERS]}'" if text else "nothing"
