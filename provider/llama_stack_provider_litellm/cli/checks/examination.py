"""All the checks, one after the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ... import redaction, settings
from ...catalog import Catalog, ModelEntry
from ...config import Mode, ProxySettings
from ...errors import LiteLLMProviderError
from . import config, hosts, litellm_releases, machine, models, usage, versions
from .finding import Finding, Severity
from .proxy import Probe
from .releases import installed


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. There are no secrets in it."""

    findings: list[Finding]
    models: list[ModelEntry]
    versions: dict[str, str | None]


class Examination:
    """Looks at what a stack needs with this config, mode, proxy and port, each given as `up` takes it."""

    def __init__(self, path: str | None, mode: Mode, proxy_url: str, port: int) -> None:
        self._path = path
        self._mode = mode
        self._port = port
        self._key = os.environ.get("LITELLM_PROXY_API_KEY", "")
        certificates = os.environ.get("LITELLM_PROXY_CA", "")
        gravity: Severity = "error" if mode == "proxy" else "warning"
        self._proxy_url = proxy_url
        self._certificates = certificates
        self._probe = Probe(proxy_url, key=self._key, ca=certificates, gravity=gravity)
        self._found: list[Finding] = []
        self._reading: settings.Reading | None = None
        self._catalog: Catalog | None = None

    def report(self) -> Report:
        """Look, and say what was found."""
        with self._going_on("versions"):
            self._found += versions.check(self._mode)
        self._look_at_config()
        if self._mode != "embedded":
            with self._going_on("proxy"):
                asyncio.run(self._probe.run())
            self._found += self._probe.findings
        self._look_at_models()
        with self._going_on("callers"):
            self._found.append(hosts.header(self._mode, self._port))
        with self._going_on("port"):
            self._found += machine.port(self._port)
        with self._going_on("storage"):
            self._found.append(machine.folder())
        with self._going_on("usage"):
            self._found.append(usage.check())
        return self._without_secrets()

    @contextmanager
    def _going_on(self, subject: str) -> Iterator[None]:
        """What cannot even be looked at is a finding too."""
        try:
            yield
        except LiteLLMProviderError as exc:
            mend = "Correct it: `llama-stack-litellm check` shows the config key by key."
            self._found.append(Finding.of_words(subject, "error", str(exc), mend))
        except Exception as exc:  # whatever a broken package makes of being imported
            what = f"This could not be looked at: {type(exc).__name__}: {exc}"
            mend = "Install the package that it names again, in the release that `versions` above asks for."
            self._found.append(Finding(subject, "error", what, mend))

    def _look_at_config(self) -> None:
        if self._mode != "proxy":
            with self._going_on("config"):
                self._reading, told = config.check(self._path)
                self._found += told
        elif self._path:
            what = f"{self._path} is not read in proxy mode: the models are the proxy's."
            self._found.append(Finding("config", "note", what))

    def _look_at_models(self) -> None:
        version = installed("litellm")
        # A malicious release must not run, nor can there be a Router without one.
        reading = self._reading if version and not litellm_releases.is_malicious(version) else None
        with self._going_on("models"):
            self._catalog, told = asyncio.run(models.models_of(reading, self._proxy()))
            self._found += told
            self._found += models.check(self._catalog) if self._catalog else []
        if reading is not None:
            with self._going_on("keys"):
                self._found += config.check_keys(reading)

    def _proxy(self) -> ProxySettings | None:
        if not self._probe.serves:
            return None
        return ProxySettings.model_validate({"url": self._proxy_url, "api_key": self._key, "ca": self._certificates})

    def _without_secrets(self) -> Report:
        redact = redaction.Redactor({"api_key": self._key}, self._reading.settings.secrets() if self._reading else [])
        entries = self._catalog.entries.values() if self._catalog else ()
        return Report(
            [replace(one, what=redact(one.what), mend=redact(one.mend)) for one in self._found],
            [replace(one, name=redact(one.name), deployments=tuple(map(redact, one.deployments))) for one in entries],
            versions.versions(),
        )
