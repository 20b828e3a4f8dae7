"""The address of a LiteLLM Proxy, the way that the environment prescribes to it, and what is on this machine."""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import urlsplit

DEFAULT_PROXY_URL = "http://127.0.0.1:4000"
"""Where LiteLLM Proxy listens unless it is told otherwise."""
# What people copy into a base URL; the engine appends paths of its own.
_API_PATHS = ("/chat/completions", "/v1")


def proxy_root(url: str) -> str:
    """The address of a LiteLLM Proxy without the API's path: ``http://host:4000/v1/chat/completions`` is
    ``http://host:4000``. Raises ValueError for what is no http(s) URL, and for one that holds a password."""
    parts = urlsplit(url.strip())
    # First: the other error shows the address.
    if "@" in url:
        raise ValueError("proxy.url must hold no user or password; the key of a LiteLLM Proxy is `proxy.api_key`")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"proxy.url: '{url}' is no address; it must look like {DEFAULT_PROXY_URL}")
    path = parts.path.rstrip("/")
    for end in _API_PATHS:
        path = path.removesuffix(end)
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_local(host: str) -> bool:
    """Whether a host, by its name or address, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def environment_proxy(url: str) -> str | None:
    """The HTTP proxy that the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) prescribes on the way to ``url``."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)
