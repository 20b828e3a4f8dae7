"""Whether a LiteLLM Proxy is there: asked every few seconds, and told by the requests that fail."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from ...errors import RequestError
from ...usage import metrics

logger = logging.getLogger(__name__)

# Seconds between two looks while the proxy is there.
_EVERY = 3.0
# While it is away: soon, then less often, up to this.
_SOON, _SELDOM = 0.25, 4.0
# A proxy that stays so long, in seconds, is taken for steady again.
_STEADY = 30.0
# So many looks in vain, and whoever still waits for it waits in vain.
_IN_VAIN = 3


class Watch:
    """``away`` is why the proxy is not there, or None. Changes are a line in the log and a metric, once each."""

    def __init__(
        self,
        url: str,
        ask: Callable[[], Awaitable[None]],
        *,
        replaceable: bool,
        back: Callable[[bool], Awaitable[None]],
        hopeless: Callable[[], None],
    ) -> None:
        """``ask`` raises RequestError when the proxy is not ready; ``replaceable`` says whether the embedded router
        serves meanwhile. ``back`` is awaited after each look that finds it ready, and told whether it was away;
        ``hopeless`` is called after some that do not."""
        self.away: str | None = None
        self._url = url
        self._ask = ask
        self._replaceable = replaceable
        self._back = back
        self._hopeless = hopeless
        self._wake = asyncio.Event()
        self._pause = _SOON
        self._since = 0.0

    def lost(self, reason: str) -> None:
        """A request has found that the proxy is not there."""
        if self.away is None:
            logger.warning(
                "%s Requests %s until it is back.", reason, "go to the embedded router" if self._replaceable else "fail"
            )
            metrics.switched("embedded" if self._replaceable else "nowhere")
            # A proxy that comes and goes is not believed as soon each time.
            steady = time.monotonic() - self._since > _STEADY
            self._pause = _SOON if steady else min(self._pause * 2, _SELDOM)
            self._wake.set()
        self.away = reason

    def found(self) -> bool:
        """It has answered; whether it was away."""
        if self.away is None:
            return False
        logger.warning("The LiteLLM Proxy at %s is back, and gets the requests again.", self._url)
        metrics.switched("proxy")
        self._since, self.away = time.monotonic(), None
        return True

    async def run(self) -> None:
        """Look, for as long as this is not cancelled."""
        metrics.watched()
        # Belongs to the loop that it is made in.
        self._wake, in_vain = asyncio.Event(), 0
        while True:
            self._wake.clear()
            try:
                await self._ask()
            except RequestError as exc:
                in_vain += 1
                self.lost(exc.message)
                if in_vain == _IN_VAIN:
                    self._hopeless()
            else:
                # One that a request has lost meanwhile may have answered this before it went.
                if not self._wake.is_set():
                    in_vain = 0
                    await self._back(self.found())
            if self.away is None:
                await self._sleep(_EVERY)
            # Woken by a request that has just failed: the proxy gets a moment all the same.
            if self.away is not None:
                await asyncio.sleep(self._pause)
                if in_vain:
                    self._pause = min(self._pause * 2, _SELDOM)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
