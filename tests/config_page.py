"""What becomes of each key of LiteLLM's config, as a page: made of the package's own tables.

``python -m tests.config_page`` writes docs/config.md anew; a test keeps it as the tables say.
"""

from __future__ import annotations

from collections.abc import Iterable

from llama_stack_provider_litellm.settings import keys
from llama_stack_provider_litellm.settings.keys import CACHE_TYPES, ROUTING_STRATEGIES, SECTIONS, Key, Use
from llama_stack_provider_litellm.settings.reading import MOST_BYTES
from tests.processes import ROOT

PAGE = ROOT / "docs" / "config.md"

HEAD = f"""# LiteLLM's config.yaml, key by key

`LITELLM_CONFIG` is the `config.yaml` that a LiteLLM Proxy reads, unchanged. What LiteLLM's library and Router do is
done here, inside the stack's process; what only LiteLLM's proxy server does is named in one warning when the config is
read, and otherwise ignored: virtual keys, teams, budgets that are kept in a database, guardrails, its MCP gateway. For
these, serve the models from a LiteLLM Proxy.

This page is made by `make docs` from the tables that the package checks a config by, and a test keeps it so.

```sh
.venv/bin/llama-stack-litellm check config.yaml
```

says of each key of a config what becomes of it, with file and line, and of each model its type, deployments, window,
price and vector size, and whether it has a key. It starts nothing. It ends with status 1 when the config cannot be
used; with `--json` it prints the same for programs.

## How it is read

- **The file** is UTF-8, at most {MOST_BYTES // 1024**2} MB. An error names file, line, key and what to do, all errors
  at once, and no secret. A key that is written twice is a warning: as in LiteLLM, the last one counts.
- **`include`** is merged as LiteLLM merges it: each entry relative to the file that declares it, lists joined, anything
  else overwritten by the later file. A file is read once; one that leads back to itself is a warning.
- **`environment_variables`** are set before anything else is resolved, whatever their place in the file. A value may be
  an `os.environ/NAME`; where that is not set nothing is, with a warning. LiteLLM lets no config set `PATH`, `HOME` and
  the like. A reload takes back the variables that are no longer in the file.
- **`os.environ/NAME`** is resolved in everything that is honoured, at any depth. `true` and `false` are read as
  switches, as LiteLLM does, and numbers may stand as text. An unset or empty variable is an error that names the model
  and the variable, where LiteLLM would go on without a key. In keys that need a proxy it is none, nor in `cache_params`
  while `cache` is off.
- **`credential_list`** is litellm's list of credentials; a deployment takes one with `litellm_credential_name`. A name
  that is not in the list is a warning: LiteLLM calls the vendor without it.
- **Reload**: the new config takes the place of the old one as a whole. What the old one set and the new one does not is
  as it was before; a config that cannot be applied changes nothing.

## What is an error, and what a warning

What LiteLLM takes and serves is taken. An error is what cannot work: a fallback from or to a model that is nowhere in
the config (wildcards, aliases, routing groups, deployments' ids and vendors' names count), an alias of one, a negative
retry count, timeout or cooldown or one that is no number, limits and budgets below zero, `tags` that are no list of
texts, deployments of one name that are of different types, an unknown routing strategy or cache type. With
`store_model_in_db: true` an unknown model is a warning, because it may stand in the proxy's database; it cannot be
served from there.

A warning is what can work:

- **Fallbacks that lead back**, such as A → B → A. They are common and sound in a LiteLLM config: each of the two helps
  out for the other. Only when both fail does a request ask them again, until `max_fallbacks` (5) is reached.
- **An entry that no request reaches**: a model whose name is an alias as well (the alias wins), a wildcard that matches
  the same names as a longer one. A name beside a wildcard that matches it is no such case: the name wins, and the
  wildcard serves the others.
- **`rpm`, `tpm` or a budget of 0**: LiteLLM's default strategy does not look at them, the others let nothing through.
- **`fallbacks` of one deployment** (in its `litellm_params`) that name a model of the config: LiteLLM takes them for
  vendors' models. `router_settings.fallbacks` is their place.
- **An unknown key**, with the known one that looks like it. In `litellm_params` any key is one of the vendor's.

Routing strategies: {", ".join(f"`{name}`" for name in ROUTING_STRATEGIES)}. Cache types:
{", ".join(f"`{name}`" for name in CACHE_TYPES)}.
"""
_TITLES = {
    "litellm_params": (
        "`litellm_params` of a deployment",
        "Any other key is a parameter of the vendor's, passed on with each call.",
    ),
    "model_info": ("`model_info` of a deployment", "Any other key is a note of your own."),
    "litellm_settings": (
        "`litellm_settings`",
        "Any other attribute of the installed `litellm` module can be set as well.",
    ),
    "router_settings": ("`router_settings`", ""),
    "general_settings": ("`general_settings`", ""),
}


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Sections\n", _rows(SECTIONS.values())]
    for name, table in keys.TABLES.items():
        title, note = _TITLES[name]
        parts += [f"\n## {title}\n", *([f"{note}\n"] if note else []), _rows(table.values())]
    return "\n".join(parts) + "\n"


def _rows(table: Iterable[Key]) -> str:
    """One row for the keys that share a meaning and a fate."""
    rows: dict[tuple[str, Use, str], list[str]] = {}
    for key in table:
        rows.setdefault((key.meaning, key.use, key.how), []).append(f"`{key.name}`")
    lines = ["| key | | meaning | how, or why not |", "|---|---|---|---|"]
    lines += [f"| {', '.join(names)} | {use} | {meaning} | {how} |" for (meaning, use, how), names in rows.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
