"""Our errors as exceptions that the server has a handler for.

It keeps the status of every exception that has one, but for those without a handler of their own it also breaks the
connection: Starlette answers, and raises the exception again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from typing import Any

from ...errors import RequestError
from ..closable import Closable
from ..installed import api

_errors = api("common.errors")
# As a base class mypy takes a name, not an attribute.
_Conflict: Any = _errors.ConflictError
_NotFound: Any = _errors.ModelNotFoundError


class Refused(Exception):
    """Every error of ours: ``error`` is that, ``body`` OpenAI's form of it, where the Responses API looks for it."""

    def __init__(self, error: RequestError) -> None:
        # Not by the other base's constructor, which makes a sentence of its own.
        Exception.__init__(self, error.message)
        self.error = error
        self.status_code = error.status_code
        self.body = {"message": error.message, "type": error.code, "code": error.code, "param": None}


class _RefusedAsConflict(Refused, _Conflict):  # type: ignore[misc]
    """An error of any status but 404."""


class _RefusedAsNotFound(Refused, _NotFound):  # type: ignore[misc]
    """A 404, which the Responses API knows by its class."""


def refusal(error: RequestError) -> Refused:
    """The exception for an error of ours."""
    return _RefusedAsNotFound(error) if error.status_code == 404 else _RefusedAsConflict(error)


def refusing[**Given, Answer](call: Callable[Given, Awaitable[Answer]]) -> Callable[Given, Awaitable[Answer]]:
    """A method that raises our errors, as one that raises what the server has a handler for."""

    @wraps(call)
    async def refused(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return await call(*args, **kwargs)
        except RequestError as exc:
            # Without the chain: the host prints it.
            raise refusal(exc) from None

    return refused


async def closing[Chunk](chunks: Closable[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks, as a generator: the host drops what it does not read to the end, and a generator then closes."""
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                yield chunk
        except RequestError as exc:
            raise refusal(exc) from None
