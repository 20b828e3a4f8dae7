"""A LiteLLM Router together with everything that it leaves about while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from . import callbacks
from .parameters import vendor_of
from .served import Deployments

if TYPE_CHECKING:
    from litellm import Router


class RunningRouter:
    """A Router of the running event loop, with the tasks and callbacks that it makes.

    LiteLLM keeps the tasks to itself, and its own ``discard`` takes back some of the callbacks only.
    """

    def __init__(self, model_list: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> None:
        # Late, since litellm comes with it.
        from .lean import Router

        self.loop = asyncio.get_running_loop()
        tasks, told = asyncio.all_tasks(), _callbacks()
        # Copies: the Router writes into the lists that it is given.
        copies = deepcopy([dict(item) for item in model_list])
        self.router: Router = Router(model_list=copies, **deepcopy(dict(arguments)))
        self.deployments: Deployments = {
            item["model_info"]["id"]: (item["litellm_params"]["model"], vendor_of(item["litellm_params"]))
            for item in self.router.model_list
        }
        # Nothing else has run meanwhile: what is new is the Router's.
        self._tasks = asyncio.all_tasks() - tasks
        self._under_way = 0
        self._idle = asyncio.Event()
        self._callbacks = {key: item for key, item in _callbacks().items() if key not in told}

    def begin(self) -> None:
        """Count a call in; ``retire`` waits for it."""
        self._under_way += 1

    def end(self) -> None:
        """Count a call out, when its answer, or its stream, is complete."""
        self._under_way -= 1
        if self._under_way == 0:
            self._idle.set()

    async def retire(self) -> None:
        """Discard the Router when the calls that are under way have ended."""
        try:
            while self._under_way:
                self._idle.clear()
                await self._idle.wait()
        finally:
            self.discard()

    def unhook(self) -> None:
        """Take the Router's callbacks out of litellm's lists, which would refuse another Router's as the same."""
        callbacks.forget(self._callbacks)

    def discard(self) -> None:
        """Take the Router out of litellm, and end its tasks. Calls that are under way go on."""
        self.unhook()
        self.router.discard()  # type: ignore[no-untyped-call]
        for task in self._tasks:
            if not self.loop.is_closed():
                task.cancel()


@contextmanager
def replacing(old: RunningRouter | None) -> Iterator[None]:
    """Within it a Router can be made in the place of ``old``; when that fails ``old`` is what it was."""
    import litellm

    before = {name: list(getattr(litellm, name)) for name in callbacks.LISTS}
    if old is not None:
        old.unhook()
    try:
        yield
    except BaseException:
        for name, items in before.items():
            getattr(litellm, name)[:] = items
        raise


def _callbacks() -> dict[int, Any]:
    """What stands in litellm's lists, by identity: callbacks need not be hashable."""
    import litellm

    return {id(item): item for name in callbacks.LISTS for item in getattr(litellm, name)}
