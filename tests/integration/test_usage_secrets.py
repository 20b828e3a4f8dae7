"""Keys that callers, configs and vendors let slip are in nothing that is kept, counted or shown."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from llama_stack_provider_litellm.cli import main
from llama_stack_provider_litellm.usage.tables import AUDIT
from tests.integration.conftest import OPENAI_KEY, litellm_config
from tests.integration.metrics import collector
from tests.integration.test_usage_faults import file_settings
from tests.line import HEADER
from tests.stack import running_stack
from tests.upstream.process import Upstream
from tests.usage.records import rows_at
from tests.waiting import until

pytestmark = [pytest.mark.any_host, pytest.mark.embedded_only("the keys are those of the stack's own config")]


def planted() -> str:
    return f"sk-planted-{secrets.token_hex(12)}"


@pytest.mark.parametrize("audit", ["off", "full"])
def test_no_key_is_kept_counted_or_shown(
    upstream: Upstream, tmp_path: Path, word: str, audit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_prompt, in_header, in_bearer, in_name = (planted() for _ in range(4))
    # A key of the environment, in no form that is known for one.
    in_environment = f"{word}-is-a-password"
    data = {"litellm_user": in_name, "litellm_tags": [in_name], "litellm_project": in_name, "litellm_agent": in_name}
    headers = {
        HEADER: json.dumps(data),
        "Authorization": f"Bearer {in_header}",
        "x-request-id": in_header,
    }
    texts = [
        f"my key is {in_prompt} and {OPENAI_KEY} and {in_environment}",
        f"curl -H 'Authorization: Bearer {in_bearer}'",
        # The upstream repeats what it was asked.
        f"[[error 400]] {in_prompt}",
        f"[[say Bearer {in_bearer}]]",
        f"[[midstream-error]] {in_prompt}",
    ]
    env = {"LITELLM_USAGE_AUDIT": audit, "PLANTED_API_KEY": in_environment, "LLAMA_STACK_LOGGING": "all=info"}
    with (
        collector() as metrics,
        running_stack(tmp_path, litellm_config(upstream), **env, **metrics.environment) as stack,
    ):
        settings = file_settings(stack)
        for number, text in enumerate(texts):
            body = {"model": "gpt", "messages": [{"role": "user", "content": text}], "stream": number % 2 == 1}
            httpx.post(f"{stack.openai_url}/chat/completions", json=body, headers=headers, timeout=30)
        unknown = {"model": f"litellm/{in_name}", "messages": [{"role": "user", "content": word}]}
        httpx.post(f"{stack.openai_url}/chat/completions", json=unknown, headers=headers, timeout=30)
        wild = {"model": f"wild/{in_name}", "messages": [{"role": "user", "content": word}]}
        httpx.post(f"{stack.openai_url}/chat/completions", json=wild, headers=headers, timeout=30)
        count = len(texts) + 1
        until(lambda: len(rows_at(settings)) == count)
        metrics.wait_for(b"gen_ai.client.operation.duration")
        metrics.wait_for(b"litellm.cost")
        report = tmp_path / "report.html"
        monkeypatch.setenv("SQLITE_STORE_DIR", str(tmp_path / "store"))
        shown = [CliRunner().invoke(main, ["usage", *command]) for command in COMMANDS]
        assert CliRunner().invoke(main, ["usage", "report", "-o", str(report)]).exit_code == 0
        stack.stop()
        kept = {
            "database": b"".join(path.read_bytes() for path in (tmp_path / "store").glob("litellm_usage.db*")),
            "metrics": b"".join(metrics.exported),
            "page": report.read_bytes(),
            "log": stack.log.encode(),
            "commands": "".join(done.output for done in shown).encode(),
        }
        secret = {in_prompt, in_header, in_bearer, in_name, OPENAI_KEY, in_environment}
        for where, content in kept.items():
            # The host itself logs and counts models by the names that callers give them.
            for one in secret - ({in_name} if where in ("metrics", "log") else set()):
                assert one.encode() not in content, f"in the {where}"
        audits = rows_at(settings, AUDIT)
        assert len(audits) == (count if audit == "full" else 0)
        assert ("my key is [redacted] and [redacted] and [redacted]" in audits[0]["question"]) if audits else True
        assert (word.encode() in kept["database"]) == (audit == "full")


COMMANDS = [
    *([], ["--by", "user"], ["--by", "tag", "--csv"], ["--by", "model", "--json"], ["--errors"], ["compare"]),
    ["audit", "--call", "nobody"],
]
