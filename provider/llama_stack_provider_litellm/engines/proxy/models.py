"""The models of a LiteLLM Proxy: read at the start, again when they may have changed, and measured."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ... import errors
from ...caller import ANONYMOUS
from ...catalog import Catalog
from ...config import ProxySettings
from .. import answers
from ..base import Changed
from ..served import Deployments, Served
from . import discovery, refusals, requests
from .connection import Connection

logger = logging.getLogger(__name__)

# How long, in seconds, a boot waits for the proxy to say whether it is ready, and for its lists, and how long one waits
# for these later.
_BOOT, _LISTS_AT_BOOT, _LISTS = 1.0, 3.0, 10.0
# How old, in seconds, the lists may be.
_FRESH = 30.0


class ProxyModels:
    """What the stack knows of a proxy's models; nothing before ``begin``.

    It asks with the stack's own key, over connections of its own: requests may fill the pool of the others.
    """

    def __init__(self, config: ProxySettings, *, probe_dimensions: bool) -> None:
        unasked = errors.ProxyGone(f"The LiteLLM Proxy at {config.url} has not been asked yet.")
        self.known: Catalog = discovery.nothing(config.url, unasked)
        self.deployments: Deployments = {}
        self.begun = False
        self.changed: Changed | None = None
        """Called when the models are others than before."""
        self._url = config.url
        self._key = config.api_key.get_secret_value()
        self._connection = Connection(config)
        self._probes = probe_dimensions
        self._told: discovery.Told | None = None
        self._refused: tuple[discovery.Told, errors.ConfigError] | None = None
        self._read_at = 0.0
        self._complained: str | None = None
        self._measured: dict[str, int] = {}
        self._probed: set[str] = set()

    async def begin(self) -> str | None:
        """Read the models for the first time; why the proxy is not ready, or None. Then there are none."""
        self.begun = True
        try:
            await self.ready(_BOOT)
        except errors.RequestError as exc:
            self.known = discovery.nothing(self._url, exc)
            return exc.message
        try:
            self._told = await self._lists(_LISTS_AT_BOOT)
        except errors.RequestError as exc:
            self._complain(exc)
            self.known = discovery.nothing(self._url, exc)
        else:
            self.known = discovery.catalog_of(self._told, self._url, self._measured)
            self.deployments = discovery.by_id(self._told)
        return None

    async def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        await self._connection.close()

    async def ready(self, within: float) -> None:
        """Raises RequestError unless the proxy says that it is ready."""
        answer = await self._ask("/health/readiness", within)
        if "status" not in answer:
            raise errors.ProxyGone(f"What answers at {self._url} is no LiteLLM Proxy. {errors.ProxyGone.mend}")

    async def refresh(self, returned: bool) -> None:
        """The lists again, when they are old or the proxy has been away, and what can be measured."""
        try:
            if (
                returned
                or self.known is None
                or self.known.away is not None
                or time.monotonic() - self._read_at > _FRESH
            ):
                await self.renew()
            if self._probes:
                await self._measure(self.known.unmeasured - self._probed)
        except (errors.RequestError, errors.ConfigError) as exc:
            self._complain(exc)

    async def renew(self) -> None:
        """Go by what the proxy has now; tells whoever wants to know when that is something else than before.

        Raises RequestError, and ConfigError when the vectors that stores hold would be of no use any more.
        """
        before, told = self.known, await self._lists(_LISTS)
        if told == self._told and before.unmeasured.isdisjoint(self._measured):
            self._complained = None
            return
        if self._refused is not None and told == self._refused[0]:
            raise self._refused[1]
        now = discovery.catalog_of(told, self._url, self._measured)
        try:
            now.check_dimensions(before)
        except errors.ConfigError as exc:
            self._refused = told, exc
            raise
        self.known, self._told, self._complained = now, told, None
        self.deployments = discovery.by_id(told)
        if self.changed is not None:
            self.changed()

    def probe_again(self) -> None:
        """Measure also what could not be measured before."""
        self._probed.clear()

    async def _lists(self, within: float) -> discovery.Told:
        """What the proxy says of its models now. Raises RequestError."""
        self._read_at = time.monotonic()
        return await discovery.ask(partial(self._ask, within=within))

    async def _measure(self, names: Iterable[str]) -> None:
        """Ask embedding models of which nobody states the vector size for one vector, once each."""
        for name in names:
            self._probed.add(name)
            body, headers = requests.sent({"model": name, "input": ["dimension"]}, ANONYMOUS, self._key)
            try:
                data = await self._ask("/v1/embeddings", _LISTS, body, headers)
                self._measured[name] = len(answers.embeddings(data, Served(), count=1).data[0].embedding)
            except errors.RequestError as exc:
                logger.warning("The vector size of '%s' cannot be measured. %s", name, exc)
            else:
                await self.renew()

    def _complain(self, exc: Exception) -> None:
        # Once: it is asked again every few seconds.
        if str(exc) != self._complained:
            self._complained = str(exc)
            logger.warning("The models of the LiteLLM Proxy cannot be read: %s", exc)

    async def _ask(
        self, path: str, within: float, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What the proxy answers to the stack itself, which is an object."""
        identity = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            async with asyncio.timeout(within):
                response = await self._connection.send(path, body, headers or identity)
                text = await self._connection.read(response)
        except TimeoutError:
            raise errors.ProxyGone(
                f"The LiteLLM Proxy at {self._url} has not answered in {within:g} s. {errors.ProxyGone.mend}"
            ) from None
        if response.status != 200:
            raise refusals.error(response, text, url=self._url, redact=refusals.redactor(self._key))
        return refusals.object_of(response, text, url=self._url)
