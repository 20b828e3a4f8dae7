"""``router_settings``: arguments of ``litellm.Router``."""

from __future__ import annotations

from .key import Key, Use, table

KEYS: tuple[Key, ...] = (
    *table(
        Use.HONOURED,
        "the Router's argument",
        """
routing_strategy: how one of a model's deployments is chosen
routing_strategy_args: arguments of the strategy (`ttl`, …)
routing_groups: models that share a strategy of their own
model_group_alias: other names for models
num_retries: how often a failed call is tried again
retry_after: the least wait before a retry, in seconds
retry_policy: retries for each kind of error
model_group_retry_policy: retries for each kind of error, model by model
timeout: the longest wait for an answer, in seconds
stream_timeout: the longest wait for a stream's first chunk, in seconds
allowed_fails: failures in a minute after which a deployment rests
allowed_fails_policy: such failures for each kind of error
cooldown_time: how long a deployment rests, in seconds
disable_cooldowns: no deployment rests
fallbacks: which models are asked when a model fails
context_window_fallbacks: which models are asked when a prompt is too long
content_policy_fallbacks: which models are asked when a content policy refuses
default_fallbacks: which models are asked when no other fallback is named
max_fallbacks: how many fallbacks one request may try
enable_weighted_failover: a failed deployment's siblings are tried by weight
enable_pre_call_checks: prompts are measured against the window before a call
optional_pre_call_checks: further checks before a call (budgets, affinity, …)
enable_tag_filtering: deployments are chosen by the request's tags
tag_filtering_match_any: one tag in common is enough
tag_routing_prefix: only tags that begin with this choose deployments
provider_budget_config: budgets for each vendor
default_litellm_params: parameters of every call
default_max_parallel_requests: calls that a deployment serves at once
default_priority: the priority of requests without one
polling_interval: how often the queue of requests is looked at, in seconds
model_group_affinity_config deployment_affinity_ttl_seconds: whether, and how long, a caller stays with a deployment
redis_url redis_host redis_port redis_password redis_db: a Redis that shares counters and cooldowns between processes
cache_kwargs: further arguments of that Redis
cache_responses: answers are cached
caching_groups: models that share cached answers
client_ttl: how long vendors' HTTP clients are kept, in seconds
plugins: Python objects that choose deployments (`module.instance`)
alerting_config: a Slack webhook that is told of slow and failed calls
set_verbose debug_level: how much LiteLLM's Router logs
""",
    ),
    *table(
        Use.NEEDS_PROXY,
        "the proxy's server supplies it, and no config",
        """
search_tools assistants_config router_general_settings: set by the proxy from other sections
ignore_invalid_deployments fallback_access_check fallback_budget_check auto_router_capability_limit: set by the proxy
guardrail_list: deployments of guardrails
enable_health_check_routing health_check_ignore_transient_errors: routing by the proxy's health checks
health_check_staleness_threshold background_health_check_model_groups: routing by the proxy's health checks
""",
    ),
)
