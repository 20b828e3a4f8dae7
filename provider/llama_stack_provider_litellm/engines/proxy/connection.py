"""The HTTP connections to a LiteLLM Proxy: pooled, bounded, and every way in which they fail as an error of ours."""

from __future__ import annotations

import asyncio
import io
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp

from ...address import environment_proxy
from ...config import ProxySettings
from ...errors import ConfigError, InvalidRequest, ProxyFailed, ProxyGone, UpstreamTimeout

MOST_BYTES = 64 * 2**20
"""A longer answer is refused. The longest honest ones are embeddings, which are asked for in batches that fit."""
_MOST_ERROR_BYTES = 2**20
_MOST_IN_A_HEADER = 2**16
# aiohttp warns of larger bodies that are not read piece by piece.
_IN_ONE_PIECE = 2**20


class Connection:
    """One aiohttp session in the running event loop, opened by the first request."""

    def __init__(self, config: ProxySettings) -> None:
        self._config = config
        self._ssl = _tls(config)
        # Not aiohttp's own reading of it, which would also open ~/.netrc, on the event loop, and put a key from there
        # in the place of ours.
        self._through = environment_proxy(config.url)
        if self._through and not self._through.startswith(("http://", "https://")):
            raise ConfigError(
                "The environment (HTTP_PROXY, HTTPS_PROXY) names a proxy that is none of http:// or https://. Correct "
                f"it, or name the host of {config.url} in NO_PROXY."
            )
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Timeout] = set()
        self.heard = 0.0
        """When something last came, by ``time.monotonic``."""

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Whatever aiohttp raises within, in our words."""
        url = self._config.url
        try:
            yield
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as exc:
            raise ProxyGone(
                f"The LiteLLM Proxy at {url} shows a certificate that is not trusted: {_words(exc)}. If it is yours, "
                "name the file of its CA in `proxy.ca` (LITELLM_PROXY_CA)."
            ) from None
        except (aiohttp.ClientSSLError, ssl.SSLError):
            raise self._gone("what listens there speaks no TLS (is its address http://, without the s?)") from None
        except aiohttp.ConnectionTimeoutError:
            raise self._gone("no connection within `proxy.connect_timeout`") from None
        except aiohttp.ServerTimeoutError:
            raise UpstreamTimeout(
                f"The LiteLLM Proxy at {url} has been silent for {self._config.timeout:g} s. Try again, or raise "
                "`proxy.timeout` in the provider's config."
            ) from None
        except aiohttp.ClientPayloadError as exc:
            raise self._failed("broke its answer off", exc) from None
        except aiohttp.ClientHttpProxyError as exc:
            raise self._gone(f"the HTTP proxy that the environment names says {exc.status} {exc.message}") from None
        except aiohttp.ClientResponseError as exc:
            raise self._failed("sent what is no HTTP", exc) from None
        except (aiohttp.ClientError, OSError) as exc:
            raise self._gone(_words(exc)) from None

    def _gone(self, words: str) -> ProxyGone:
        return ProxyGone(f"The LiteLLM Proxy at {self._config.url} does not answer: {words}. {ProxyGone.mend}")

    def _failed(self, what: str, exc: aiohttp.ClientError) -> ProxyFailed:
        return ProxyFailed(f"The LiteLLM Proxy at {self._config.url} {what}: {_words(exc)}. {ProxyFailed.mend}")

    async def send(
        self, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """The answer to a POST of ``body``, or to a GET without one, when its head has come.

        Raises ProxyGone when there is no such head.
        """
        data: bytes | io.BytesIO | None = None
        if body is not None:
            data, headers = _encoded(body), {**headers, "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(None) as limit:
                self._waiting.add(limit)
                with self.failures():
                    return await self._open().request(
                        "GET" if data is None else "POST",
                        self._config.url + path,
                        data=data,
                        headers=headers,
                        # A redirect would take the key somewhere else.
                        allow_redirects=False,
                        proxy=self._through,
                    )
        except TimeoutError:
            raise self._gone("it accepts connections, and answers nothing") from None
        finally:
            self._waiting.discard(limit)

    def give_up_waiting(self) -> None:
        """Let every request that waits for the head of its answer fail with ProxyGone: nobody is there any more."""
        for limit in self._waiting:
            limit.reschedule(asyncio.get_running_loop().time())

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole body, and the connection back to the pool. Raises ProxyFailed for a longer one than we take."""
        most = MOST_BYTES if response.status == 200 else _MOST_ERROR_BYTES
        whole = bytearray()
        async with response:
            # Another status than 200 is an answer by itself.
            while piece := await self.piece(response, begun=bool(whole) or response.status != 200):
                whole += piece
                if len(whole) > most:
                    raise ProxyFailed(
                        f"The LiteLLM Proxy at {self._config.url} sent more than {most // 2**20} MiB for an answer. "
                        f"{ProxyFailed.mend}"
                    )
        return bytes(whole)

    async def piece(self, response: aiohttp.ClientResponse, *, begun: bool) -> bytes:
        """The next bytes of a body; none at its end. A body that breaks off before it has ``begun`` is ProxyGone,
        since nobody has seen anything of the answer, and ProxyFailed afterwards."""
        try:
            with self.failures():
                piece = await response.content.readany()
        except (ProxyGone, ProxyFailed) as exc:
            raise (ProxyFailed if begun else ProxyGone)(exc.message) from None
        self.heard = time.monotonic()
        return piece

    async def close(self) -> None:
        """Close every connection; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        # A session belongs to the loop that it was made in; that of a loop which is gone went with it.
        if self._session is None or self._loop is not asyncio.get_running_loop():
            self._loop = asyncio.get_running_loop()
            config = self._config
            connector = aiohttp.TCPConnector(
                limit=config.pool_size, keepalive_timeout=config.keep_alive, ssl=self._ssl, ttl_dns_cache=30
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=config.connect_timeout, sock_read=config.timeout
                ),
                headers={"Accept-Encoding": "identity", "User-Agent": "llama-stack-provider-litellm"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                # LiteLLM hands the vendors' headers on.
                max_field_size=_MOST_IN_A_HEADER,
            )
        return self._session


def _encoded(body: Mapping[str, Any]) -> bytes | io.BytesIO:
    try:
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The request holds half of a character (a lone surrogate), which is no text.") from None
    return io.BytesIO(data) if len(data) > _IN_ONE_PIECE else data


def _words(exc: BaseException) -> str:
    """What aiohttp's exception says, less its own addresses and flags."""
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return "there is no such host"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return str(getattr(exc.certificate_error, "verify_message", "") or exc.certificate_error).rstrip(".")
    if isinstance(exc, OSError) and exc.errno:
        return os.strerror(exc.errno).lower()
    return (str(exc) or type(exc).__name__).rstrip(".")


def _tls(config: ProxySettings) -> ssl.SSLContext | bool:
    """How the proxy's certificate is checked: made once, since a context takes milliseconds."""
    if not config.verify:
        return False
    if not config.ca:
        return True
    try:
        return ssl.create_default_context(cafile=config.ca)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"proxy.ca: '{config.ca}' holds no certificates that can be read: {exc}") from None
