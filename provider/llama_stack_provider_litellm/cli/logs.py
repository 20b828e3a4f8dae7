"""The log, in commands that show what it would say as findings of their own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log's lines."""
    ours = logging.getLogger("llama_stack_provider_litellm")
    litellms = [logging.getLogger(name) for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")]
    propagates, handlers = ours.propagate, list(ours.handlers)
    ours.propagate, ours.handlers[:] = False, [logging.NullHandler()]
    # A filter: litellm gives its loggers handlers when it is imported, which may be meanwhile.
    for logger in litellms:
        logger.addFilter(_nothing)
    try:
        yield
    finally:
        ours.propagate, ours.handlers[:] = propagates, handlers
        for logger in litellms:
            logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


@contextmanager
def heard(name: str) -> Iterator[list[str]]:
    """What the logger of that name is told meanwhile."""
    listener = _Listener()
    logger = logging.getLogger(name)
    logger.addHandler(listener)
    try:
        yield listener.texts
    finally:
        logger.removeHandler(listener)


class _Listener(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
