"""Whether a LiteLLM Proxy answers, is ready, and takes the key."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .address import Address, detour, trusted, unreachable
from .finding import Finding, Severity
from .litellm_releases import bounds, is_malicious, trouble

if TYPE_CHECKING:
    from aiohttp import ClientSession

_READY_SECONDS = 2.0
_LIST_SECONDS = 5.0
_MOST_WORDS = 300
_ADDRESS = "Give the address of a LiteLLM Proxy: --proxy-url, or LITELLM_PROXY_URL."
_KEY = "Set LITELLM_PROXY_API_KEY to the proxy's master key, or to a virtual key of it."


class Probe:
    """Looks at the proxy at ``url`` with the stack's own key; what keeps it from serving is of ``gravity``.

    ``ca`` is a file of certificate authorities in place of the system's. After :meth:`run` there are the
    ``findings``, and ``serves`` says whether it takes the key and shows its models.
    """

    def __init__(self, url: str, *, key: str, ca: str, gravity: Severity) -> None:
        self._url = url
        self._key = key
        self._ca = ca
        self._gravity = gravity
        self._http_proxy: str | None = None
        self._waits = ("", 0.0)
        self.findings: list[Finding] = []
        self.serves = False

    async def run(self) -> None:
        """Ask it, in a few seconds at most."""
        try:
            address = Address.of(self._url)
            certificates = trusted(self._ca)
        except ValueError as exc:
            self.findings.append(Finding.of_words("proxy", self._gravity, str(exc), _ADDRESS))
            return
        self.findings += detour(address)
        # A detour is told, and not taken: there may be more to tell.
        self._http_proxy = None if address.is_local else address.http_proxy
        self._url = address.root
        import aiohttp

        connector = aiohttp.TCPConnector(ssl=certificates)
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                await self._look(session)
        except TimeoutError:
            path, seconds = self._waits
            what = f"The proxy at {self._url} has not answered {path} in {seconds:g} s."
            self._tell(self._gravity, what, "Look at its log, and at what stands between it and this machine.")
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            self._tell(self._gravity, *unreachable(exc, address))

    def _tell(self, severity: Severity, what: str, mend: str = "") -> None:
        self.findings.append(Finding("proxy", severity, what, mend))

    async def _look(self, session: ClientSession) -> None:
        ready = await self._get(session, "/health/readiness", _READY_SECONDS, with_key=False)
        if not self._is_ready(ready):
            return
        listed = await self._get(session, "/v1/models", _LIST_SECONDS)
        models = listed.field("data") if listed.status == 200 else None
        if not isinstance(models, list):
            self._tell(self._gravity, *self._refusal(listed))
            return
        self.serves = True
        version = ready.field("litellm_version") or await self._version(session)
        release = f" (litellm {version})" if version else ""
        names = f"lists {len(models)} model{'' if len(models) == 1 else 's'}"
        self._tell("ok", f"The proxy at {self._url}{release} is ready, takes the key and {names}.")
        words, besides = trouble(str(version)) if version else ("", "")
        if words:
            mend = f"Install litellm[proxy]{bounds().specifier} where it runs. {besides}".strip()
            severity: Severity = "error" if is_malicious(str(version)) else "warning"
            self._tell(severity, f"The proxy runs litellm {version}, which {words}.", mend)

    async def _version(self, session: ClientSession) -> Any:
        # It may not know the path, or keep it for administrators.
        with suppress(TimeoutError):
            return (await self._get(session, "/health/readiness/details", _READY_SECONDS)).field("litellm_version")

    def _is_ready(self, answer: _Answer) -> bool:
        if answer.status == 200 and answer.field("status") is not None:
            if answer.field("db") not in (None, "connected", "Not connected"):
                what = f"The proxy at {self._url} serves without its database, which is {answer.field('db')}."
                self._tell("warning", what, "Virtual keys and budgets need it: look at the database.")
            return True
        if answer.status in {502, 503, 504}:
            # Without JSON it is what stands before the proxy that says so.
            words = answer.words if answer.body is not None else f"HTTP {answer.status}"
            what = f"The proxy at {self._url} is not ready: {words.rstrip('.')}."
            self._tell(self._gravity, what, "Look at its log and at its database; the stack serves once it is ready.")
        else:
            what = f"What answers at {self._url} is no LiteLLM Proxy: HTTP {answer.status}, {answer.kind}."
            self._tell(self._gravity, what, _ADDRESS)
        return False

    def _refusal(self, answer: _Answer) -> tuple[str, str]:
        # Without a key some releases answer 500.
        if not self._key and answer.status in {400, 401, 403, 500}:
            return f"The proxy at {self._url} wants a key, and there is none.", _KEY
        if answer.type == "no_db_connection":
            why = "it is not the master key, and the proxy has no database to look virtual keys up in"
            return f"The proxy at {self._url} refuses the key: {why}.", _KEY
        if answer.status in {401, 403}:
            return f"The proxy at {self._url} refuses the key (HTTP {answer.status}): {answer.words}", _KEY
        what = f"The proxy at {self._url} does not list its models (HTTP {answer.status}): {answer.words}"
        return what, "Look at its log."

    async def _get(self, session: ClientSession, path: str, seconds: float, *, with_key: bool = True) -> _Answer:
        self._waits = path, seconds
        headers = {"Authorization": f"Bearer {self._key}"} if self._key and with_key else {}
        # A redirect leads to somebody else, a page to log in on for example.
        asked = session.get(f"{self._url}{path}", headers=headers, proxy=self._http_proxy, allow_redirects=False)
        async with asyncio.timeout(seconds), asked as response:
            text = (await response.read()).decode(errors="replace")
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        return _Answer(response.status, response.content_type, body, text)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An HTTP answer; ``kind`` is its media type, ``body`` None when it is no JSON."""

    status: int
    kind: str
    body: Any
    text: str

    def field(self, name: str) -> Any:
        """A field of a JSON object."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    @property
    def type(self) -> Any:
        """The type of LiteLLM's error."""
        error = self.field("error")
        return error.get("type") if isinstance(error, dict) else None

    @property
    def words(self) -> str:
        """What it says, in short."""
        said = self.body if self.body is not None else self.text
        for name in ("error", "detail", "message"):
            said = said[name] if isinstance(said, dict) and name in said else said
        if isinstance(said, dict):
            said = ", ".join(f"{name}: {value}" for name, value in said.items())
        return " ".join(str(said).split())[:_MOST_WORDS]
