"""The way to a LiteLLM Proxy, and what can be wrong on it."""

from __future__ import annotations

import os
import ssl
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...address import environment_proxy, is_local, proxy_root
from .finding import Finding

_START = "Start the proxy, or give its address: --proxy-url, or LITELLM_PROXY_URL."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a proxy is: its scheme and host, and its ``root``, under which its routes are."""

    root: str
    scheme: str
    host: str

    @classmethod
    def of(cls, url: str) -> Address:
        """The address in a URL, which may be the root's or that of a route. Raises ValueError for none."""
        root = proxy_root(url)
        parts = urlsplit(root)
        return cls(root, parts.scheme, parts.hostname or "")

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_local(self.host)

    @property
    def http_proxy(self) -> str | None:
        """The HTTP proxy through which the environment sends what is asked of it."""
        return environment_proxy(self.root)


def trusted(ca: str) -> ssl.SSLContext:
    """The certificate authorities in the file ``ca``, or else the system's. Raises ValueError for a file of none."""
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as exc:
        why = "it holds no certificate" if isinstance(exc, ssl.SSLError) else exc.strerror
        raise ValueError(f"LITELLM_PROXY_CA ({ca}) cannot be used: {why}. Give a file of PEM certificates.") from None


def detour(address: Address) -> list[Finding]:
    """Whether the environment sends what is asked of this machine through an HTTP proxy."""
    if not address.is_local or address.http_proxy is None:
        return []
    what = (
        f"{address.scheme.upper()}_PROXY is set, and NO_PROXY does not name {address.host}: the stack would ask for "
        "the LiteLLM Proxy on this machine through the HTTP proxy."
    )
    names = ",".join(filter(None, (urllib.request.getproxies().get("no"), address.host)))
    return [Finding("proxy", "warning", what, f"export NO_PROXY={names}")]


def unreachable(exc: Exception, address: Address) -> tuple[str, str]:
    """Why nothing could be asked there, and the mend."""
    import aiohttp

    at = f"at {address.root}"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        why = getattr(exc.certificate_error, "verify_message", None) or "it is not valid"
        mend = "Set LITELLM_PROXY_CA to the certificate of the authority that signed it, and ask by a name that it has."
        return f"The proxy {at} has a certificate that is not trusted: {why}.", mend
    if isinstance(exc, aiohttp.ClientSSLError):
        return f"What listens {at} does not speak TLS.", "If it is the proxy, its URL begins with http://."
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return f"There is no host {address.host}.", _START
    if isinstance(exc, aiohttp.ClientConnectorError):
        why = os.strerror(exc.errno) if exc.errno else str(exc.os_error)
        return f"No proxy can be reached {at}: {why}.", _START
    if isinstance(exc, aiohttp.ClientError | OSError):
        words = str(exc) or type(exc).__name__
        return f"What listens {at} does not speak HTTP: {words}.", "If it is the proxy, its URL begins with https://."
    return f"The proxy {at} cannot be asked: {exc}.", "Look at LITELLM_PROXY_API_KEY: a key is one line of ASCII."
