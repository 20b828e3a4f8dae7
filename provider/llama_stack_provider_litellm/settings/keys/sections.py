"""The sections of the config, which are its top-level keys."""

from __future__ import annotations

from .key import Key, Use, table

_HERE = """
model_list: the models and their deployments
litellm_settings: settings of the litellm library
router_settings: how deployments are chosen, tried again and given up
environment_variables: environment variables to set before anything else is read
credential_list: named credentials, which a deployment refers to with `litellm_credential_name`
include: more config files
callback_settings: settings of single callbacks (`otel`, …)
vector_store_registry: vector stores that deployments search with `vector_store_ids`
general_settings: settings of the proxy's server
"""
_HOW = {
    "model_list": "the Router's deployments",
    "litellm_settings": "key by key, below",
    "router_settings": "key by key, below",
    "general_settings": "three keys, below; the others need a proxy",
    "environment_variables": "set in the process, first of all",
    "credential_list": "`litellm.credential_list`",
    "include": "as LiteLLM merges them",
    "callback_settings": "`litellm.callback_settings`",
    "vector_store_registry": "`litellm.vector_store_registry`",
}

KEYS: tuple[Key, ...] = (
    *(Key(key.name, key.use, key.meaning, _HOW[key.name]) for key in table(Use.HONOURED, "", _HERE)),
    *table(
        Use.NEEDS_PROXY,
        "it is a service of the proxy's server",
        """
guardrails: checks of requests and answers; llama-stack has shields for this, OGX has not
policies policy_attachments: which guardrails apply to whom
prompts: prompts kept by the proxy
mcp_servers mcp_tools: the proxy's MCP gateway; the stack calls MCP servers by itself
agents agent_list: the proxy's A2A agents
search_tools: search providers behind the proxy's search endpoint
sandbox_tools: code sandboxes for the proxy's code interpreter
assistant_settings: the proxy's assistants endpoints
files_settings: the proxy's files endpoints
finetune_settings: the proxy's fine-tuning endpoints
default_vertex_config: credentials of the proxy's Vertex AI pass-through
worker_registry: the proxies that a control plane manages
""",
    ),
)
