"""Large embedding requests: cut into batches that the vendor takes, sent side by side, put together again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from openai.types import CreateEmbeddingResponse
from openai.types.create_embedding_response import Usage

from ..errors import BadGateway, InvalidRequest, RequestError
from . import answers, parameters
from .base import Request
from .served import together

# Vendor (LiteLLM's name) → how many inputs it takes in one request; the others take OpenAI's 2,048.
_INPUTS = {"cohere": 96, "cohere_chat": 96, "gemini": 100, "vertex_ai": 250, "voyage": 128, "mistral": 512}
_INPUTS_ELSEWHERE = 2048
# OpenAI takes 300,000 tokens in one request. A token has two letters at least in almost every text.
_TOKENS = 250_000
_LETTERS_PER_TOKEN = 2
# Batches of one request that are under way at once.
_CONCURRENCY = 8

Send = Callable[[Request], Awaitable[CreateEmbeddingResponse]]


async def embed(
    request: Request, vendors: Sequence[str], dimension: int | None, send: Send, *, most_numbers: int | None = None
) -> CreateEmbeddingResponse:
    """The embeddings of all inputs, in the form that was asked for, each as long as it has to be.

    ``vendors`` (LiteLLM's names) are those of the deployments that may serve the request, ``dimension`` is the model's;
    ``send`` sends a request whose inputs fit into one and reads the answer with :func:`reader`; ``most_numbers`` bounds
    the numbers in it.
    """
    size = request.get("dimensions") or dimension
    # OpenAI's own parameter: where not every deployment has it, the form is made here alone.
    passes_form = parameters.OPENAI_SHAPED.issuperset(vendors)

    async def send_checked(part: Request) -> CreateEmbeddingResponse:
        asked = part if passes_form else {key: value for key, value in part.items() if key != "encoding_format"}
        answer = await send(asked)
        try:
            check_size(answer, model=request["model"], expected=size)
        except RequestError as exc:
            exc.answered = [answer]
            raise
        return answer

    most = min((_INPUTS.get(vendor, _INPUTS_ELSEWHERE) for vendor in vendors), default=1)
    if most_numbers is not None and size:
        most = max(1, min(most, most_numbers // size))
    return await in_batches(request, most, send_checked)


def reader(request: Request, part: Request) -> Callable[..., CreateEmbeddingResponse]:
    """What makes of the answer to a ``part`` of a request the form that was asked for."""
    return partial(answers.embeddings, count=count(part["input"]), packed=request.get("encoding_format") == "base64")


async def in_batches(request: Request, most: int, send: Send) -> CreateEmbeddingResponse:
    """The embeddings of all inputs, in their order, with the usage of all batches of ``most`` inputs.

    When a batch fails the others are given up, and the error names the inputs that it held.
    """
    inputs = request["input"]
    if not inputs:
        raise InvalidRequest(f"Model {request['model']}: there is nothing to embed: `input` is empty.")
    ranges = _ranges(inputs, most)
    if len(ranges) == 1:
        return await send(request)
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(part: slice) -> CreateEmbeddingResponse:
        async with gate:
            try:
                return await send({**request, "input": inputs[part]})
            except RequestError as exc:
                raise _with_range(exc, part, len(inputs)) from None

    tasks: list[asyncio.Task[CreateEmbeddingResponse]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(one(part)) for part in ranges]
    except* RequestError as failed:
        # Of several that fail at once the first tells enough.
        found = [exc for exc in failed.exceptions if isinstance(exc, RequestError)]
        whole = [task.result() for task in tasks if not task.cancelled() and task.exception() is None]
        found[0].answered = [*whole, *(part for exc in found for part in exc.answered)]
        raise found[0] from None
    return _joined([task.result() for task in tasks], ranges)


def count(inputs: Any) -> int:
    """How many vectors an ``input`` asks for: one text, or one token array, is one."""
    return 1 if isinstance(inputs, str) or isinstance(inputs[0], int) else len(inputs)


def check_size(answer: CreateEmbeddingResponse, *, model: str, expected: int | None) -> None:
    """Raise BadGateway when a vector is not ``expected`` numbers long: a store would mix what cannot be compared."""
    if expected is None:
        return
    for row in answer.data:
        if (found := answers.length(row.embedding)) != expected:
            raise BadGateway(
                f"Model {model}: expected vectors of {expected} numbers, found {found}. "
                "Correct `model_info.output_vector_size` of the model in the LiteLLM config, or ask for no "
                "`dimensions` that it cannot give.",
                model=model,
            )


def _ranges(inputs: Any, most: int) -> list[slice]:
    """Slices of the inputs, each within ``most`` inputs and the token limit; one text, or one token array, is one."""
    if count(inputs) == 1:
        return [slice(0, 1)]
    ranges: list[slice] = []
    start, tokens = 0, 0
    for position, item in enumerate(inputs):
        size = len(item) // _LETTERS_PER_TOKEN if isinstance(item, str) else len(item)
        if position > start and (position - start >= most or tokens + size > _TOKENS):
            ranges.append(slice(start, position))
            start, tokens = position, 0
        tokens += size
    return [*ranges, slice(start, len(inputs))]


def _with_range(exc: RequestError, part: slice, total: int) -> RequestError:
    exc.message = f"Inputs {part.start} to {part.stop - 1} of {total}: {exc.message}"
    exc.args = (exc.message,)
    return exc


def _joined(answers: list[CreateEmbeddingResponse], ranges: list[slice]) -> CreateEmbeddingResponse:
    rows = []
    for answer, part in zip(answers, ranges, strict=True):
        for row in answer.data:
            row.index += part.start
            rows.append(row)
    return CreateEmbeddingResponse.model_construct(
        object="list",
        model=answers[0].model,
        data=rows,
        usage=Usage(
            prompt_tokens=sum(answer.usage.prompt_tokens for answer in answers),
            total_tokens=sum(answer.usage.total_tokens for answer in answers),
        ),
        litellm=together([answer.litellm for answer in answers]),  # type: ignore[attr-defined]
    )
