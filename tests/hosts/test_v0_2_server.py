"""What the host's server learns from us, against the real server module."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from llama_stack.apis.common.errors import ModelNotFoundError, ModelTypeError
from llama_stack.core import request_headers
from llama_stack.core.server import server as host
from rich.console import Console
from rich.logging import RichHandler

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import UNREADABLE
from llama_stack_provider_litellm.hosts.server import plain_errors
from llama_stack_provider_litellm.hosts.v0_2 import server

HEADER = "X-LlamaStack-Provider-Data"


@pytest.fixture(autouse=True)
def untouched_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host as it is without us, and afterwards as it was before the test."""
    for module, name in ((host, "translate_exception"), (request_headers, "parse_request_provider_data")):
        found = getattr(module, name)
        monkeypatch.setattr(module, name, getattr(found, "__wrapped__", found))
    logger = logging.getLogger(host.__name__)
    others = [each for each in logger.filters if each is not plain_errors]
    monkeypatch.setattr(logger, "filters", others)


@pytest.fixture
def installed() -> None:
    server.install()


def translated(exc: Exception) -> tuple[int, Any, Any]:
    found: Any = host.translate_exception(exc)
    return found.status_code, found.detail, found.headers


def test_install_is_idempotent() -> None:
    before = host.translate_exception
    server.install()
    translate, parse = host.translate_exception, request_headers.parse_request_provider_data
    assert translate is not before
    server.install()
    assert (host.translate_exception, request_headers.parse_request_provider_data) == (translate, parse)
    assert logging.getLogger(host.__name__).filters.count(plain_errors) == 1


@pytest.mark.usefixtures("installed")
def test_a_rate_limit_is_429_with_its_wait() -> None:
    error = errors.RateLimited("slow down", retry_after=6.2)
    assert translated(error) == (429, "slow down", {"Retry-After": "7"})
    assert translated(errors.BudgetExceeded("spent")) == (429, "spent", None)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((errors.InvalidRequest, 400), (errors.UpstreamAuthentication, 401), (errors.PaymentRequired, 402)),
        *((errors.PermissionRefused, 403), (errors.ModelNotFound, 404), (errors.Conflict, 409)),
        *((errors.Unprocessable, 422), (errors.BadGateway, 502), (errors.Unavailable, 503)),
        (errors.UpstreamTimeout, 504),
    ],
)
def test_each_of_our_errors_has_its_status(kind: type[errors.RequestError], status: int) -> None:
    assert translated(kind("said so")) == (status, "said so", None)


@pytest.mark.usefixtures("installed")
def test_an_embedding_model_in_a_chat_is_400() -> None:
    status, detail, _ = translated(ModelTypeError("litellm/vectors", "embedding", "llm"))
    assert status == 400
    assert "litellm/vectors" in detail


EXCEPTIONS = [
    *(ValueError("x"), PermissionError("x"), ConnectionError("x"), TimeoutError("x"), NotImplementedError("x")),
    *(RuntimeError("x"), KeyError("x"), ModelNotFoundError("m"), errors.ConfigError("x")),
]


@pytest.mark.parametrize("exc", EXCEPTIONS, ids=lambda exc: type(exc).__name__)
def test_other_exceptions_are_as_before(exc: Exception) -> None:
    before = translated(exc)
    server.install()
    assert translated(exc) == before


def test_the_host_still_cannot_do_it_alone() -> None:
    """Fails when the host learns it: the change can go then."""
    assert translated(errors.RateLimited("slow down", retry_after=1))[0] == 500
    assert translated(ModelTypeError("m", "embedding", "llm"))[0] == 500


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("value", ["{not json", "[1]", '"text"', "5", "null", "[]"])
def test_a_header_that_is_no_object_is_marked(value: str) -> None:
    parse = request_headers.parse_request_provider_data
    assert parse({HEADER.lower(): value}) == {UNREADABLE: True}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ({}, None),
        ({HEADER.lower(): ""}, None),
        ({HEADER.lower(): "{}"}, {}),
        ({HEADER.lower(): '{"litellm_user": "ann"}'}, {"litellm_user": "ann"}),
    ],
)
def test_a_good_header_is_as_before(headers: dict[str, str], data: object) -> None:
    assert request_headers.parse_request_provider_data(headers) == data


@pytest.mark.usefixtures("installed")
def test_the_server_uses_what_was_replaced() -> None:
    """The host's context manager, by which every request's data comes in."""
    with request_headers.request_provider_data_context({HEADER.lower(): "{not json"}):
        assert request_headers.PROVIDER_DATA_VAR.get() == {UNREADABLE: True}
    with request_headers.request_provider_data_context({HEADER.lower(): json.dumps({"a": 1})}):
        assert request_headers.PROVIDER_DATA_VAR.get() == {"a": 1}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the host's logger writes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    logger = logging.getLogger(host.__name__)
    before = logger.level, logger.disabled
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.disabled = False
    yield out
    logger.removeHandler(handler)
    logger.level, logger.disabled = before


def logged(exc: Exception) -> None:
    try:
        raise exc
    except type(exc):
        logging.getLogger(host.__name__).exception("Error executing endpoint %s", "/v1/x")


@pytest.mark.usefixtures("installed")
def test_our_errors_are_logged_in_one_line(log: io.StringIO) -> None:
    logged(errors.RateLimited("slow 100% down"))
    assert log.getvalue() == "Error executing endpoint /v1/x: slow 100% down\n"


@pytest.mark.parametrize("kind", [errors.RateLimited, errors.ConfigError])
def test_the_console_gets_our_errors_as_they_are(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    console = RichHandler(console=Console(file=out, width=80), markup=True)
    monkeypatch.setattr(logging.getLogger(), "handlers", [console])
    server.install()
    long = f"[red] {'x' * 100} [/]"
    logged(kind(long))
    logging.getLogger(host.__name__).error("of [bold]another[/] kind")
    line, *rest = out.getvalue().splitlines()
    assert line == f"ERROR    Error executing endpoint /v1/x: {long}"
    assert "of another kind" in " ".join(rest)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("exc", [ValueError("odd"), KeyError("k")])
def test_other_exceptions_keep_their_traceback(exc: Exception, log: io.StringIO) -> None:
    logged(exc)
    assert log.getvalue().startswith("Error executing endpoint /v1/x\nTraceback")
    assert type(exc).__name__ in log.getvalue()


@pytest.mark.usefixtures("installed")
def test_a_line_without_an_exception_is_as_before(log: io.StringIO) -> None:
    logging.getLogger(host.__name__).info("up at %s", 8321)
    assert log.getvalue() == "up at 8321\n"
