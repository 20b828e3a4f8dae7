"""``litellm_settings``: attributes of the ``litellm`` module, and what LiteLLM's proxy makes of single ones."""

from __future__ import annotations

from .key import Key, Use, table

# Registered where calls are made, and not set as attributes.
CACHE = frozenset({"cache", "cache_params"})
CALLBACKS = frozenset({"callbacks", "success_callback", "failure_callback", "service_callback"})

KEYS: tuple[Key, ...] = (
    *table(
        Use.HONOURED,
        "before the Router is made",
        """
cache: answers are cached
cache_params: where, and for how long (`type`, `host`, `ttl`, …)
""",
    ),
    *table(
        Use.HONOURED,
        "registered with LiteLLM",
        """
callbacks: who is told of every call: names that LiteLLM knows, or `module.instance`
success_callback failure_callback: who is told of calls that succeed, of calls that fail
service_callback: who is told of trouble with Redis and other services
""",
    ),
    *table(
        Use.HONOURED,
        "imported, from beside the config or the Python path",
        """
custom_provider_map: vendors that are Python classes (`provider`, `custom_handler`)
pre_call_rules post_call_rules: Python functions that may refuse a prompt, an answer
""",
    ),
    *table(
        Use.HONOURED,
        "set on `litellm`",
        """
num_retries: how often a failed call is tried again, where `router_settings` say nothing
num_retries_per_request: the same for one request, fallbacks included
request_timeout: the longest wait for an answer, in seconds
allowed_fails: failures in a minute after which a deployment rests
fallbacks: which models are asked when a model fails
context_window_fallbacks: which models are asked when a prompt is too long
content_policy_fallbacks: which models are asked when a content policy refuses
default_fallbacks: which models are asked when no other fallback is named
max_fallbacks: how many fallbacks one request may try
model_alias_map: other names for vendors' models
input_callback: who is told of a call before it is made
model_fallbacks: fallbacks of single calls, by vendors' models
drop_params: parameters that a vendor does not take are left out
modify_params: requests are changed where a vendor would refuse them
add_function_to_prompt: tools stand in the prompt where a vendor has none
enable_json_schema_validation: answers are checked against the request's schema
disable_stop_sequence_limit: more stop sequences than the vendor takes
disable_add_prefix_to_prompt disable_anthropic_gemini_context_caching_transform: how prompts are rewritten
disable_add_transform_inline_image_block openai_system_messages_first custom_prompt_dict: how prompts are rewritten
disable_copilot_system_to_assistant: no effect any more
enable_anthropic_prompt_caching anthropic_prompt_caching_ttl: Anthropic's prompt caching
bedrock_neutralize_orphaned_tool_blocks bedrock_request_metadata_fields: what Bedrock is sent
vertex_ai_safety_settings enable_gemini_default_thinking_level_low gemini_live_defer_setup: what Gemini is sent
disable_vertex_batch_output_transformation: what Vertex AI's batches give
enable_preview_features reasoning_auto_summary route_all_chat_openai_to_responses: how OpenAI is asked
use_chat_completions_url_for_anthropic_messages: how OpenAI is asked
use_litellm_proxy: every call goes to a LiteLLM Proxy
api_base api_key api_version organization project headers: defaults of every call
openai_key azure_key anthropic_key cohere_key groq_key xai_key replicate_key huggingface_key: a vendor's key
databricks_key openai_like_key openrouter_key ollama_key togetherai_api_key cloudflare_api_key: a vendor's key
predibase_key predibase_tenant_id gigachat_key bytez_key gdc_key gdc_api_base infinity_key maritalk_key: a vendor's key
aleph_alpha_key nlp_cloud_key cometapi_key ovhcloud_key lemonade_key amazon_nova_api_key inception_key: a vendor's key
vertex_project vertex_location: Google Cloud's project and place
enable_azure_ad_token_refresh: tokens of Azure's identity are renewed
proxy_auth: how calls to a LiteLLM Proxy get their token
max_tokens: the length of answers, where a vendor wants one
ssl_verify ssl_certificate ssl_security_level ssl_ecdh_curve: TLS of calls to vendors
force_ipv4 http2 use_aiohttp_transport disable_aiohttp_transport: how vendors are reached
aiohttp_trust_env disable_aiohttp_trust_env: whether HTTP_PROXY counts
network_mock: no call leaves the process, for tests
user_url_validation user_url_allowed_hosts provider_url_destination_allowed_hosts: which URLs LiteLLM fetches
return_response_headers: vendors' headers are kept with the answer
redact_messages_in_exceptions expose_router_debug_in_errors log_raw_request_response: what errors and logs may hold
turn_off_message_logging standard_logging_payload_excluded_fields redact_user_api_key_info: what callbacks are told
request_correlation_in_logs log_client_error_tracebacks suppress_debug_info set_verbose: what LiteLLM logs
disable_streaming_logging global_disable_no_log_param safe_memory_mode: what is logged of streams
logged_real_time_event_types cold_storage_custom_logger: what is logged of other calls
disable_token_counter disable_hf_tokenizer_download: how tokens are counted
disable_end_user_cost_tracking disable_add_user_agent_to_request_tags extra_spend_tag_headers: what spend is kept by
cost_discount_config cost_margin_config: discounts and margins on prices
default_in_memory_ttl default_redis_ttl default_redis_batch_cache_expiry: how long caches keep things, in seconds
enable_caching_on_provider_specific_optional_params: vendors' own parameters make another cache entry
priority_reservation tag_budget_config: shares and budgets, which strategies and checks of the Router read
vector_store_search_failure_mode: what happens when a vector store cannot be searched
global_prompt_directory global_bitbucket_config global_gitlab_config: where callbacks that manage prompts find them
skip_system_message_in_guardrail skip_tool_message_in_guardrail: what guardrails of callbacks see
langfuse_default_tags langfuse_enable_update_trace_keys langsmith_batch_size: for these callbacks
argilla_batch_size argilla_transformation_object generic_logger_headers dynamodb_table_name: for these callbacks
s3_callback_params aws_sqs_callback_params gcs_pub_sub_use_v1 generic_api_use_v1: for these callbacks
datadog_params datadog_llm_observability_params datadog_use_v1 newrelic_params: for these callbacks
pointfive_params zerobus_params otel_tenant_destination_mode: for these callbacks
prometheus_latency_buckets prometheus_metrics_config prometheus_exclude_metrics: for the callback `prometheus`
prometheus_exclude_labels prometheus_emit_stream_label prometheus_emit_rate_limit_labels: for the callback `prometheus`
prometheus_emit_input_sequence_length_label custom_prometheus_tags: for the callback `prometheus`
prometheus_deployment_and_latency_caller_identity: for the callback `prometheus`
custom_prometheus_metadata_labels enable_end_user_cost_tracking_prometheus_only: for the callback `prometheus`
prometheus_user_budget_label_include_email_alias: for the callback `prometheus`
prometheus_end_user_metrics_max_series_per_metric prometheus_end_user_metrics_ttl_seconds: for the callback `prometheus`
prometheus_end_user_metrics_cleanup_interval_seconds: for the callback `prometheus`
prometheus_metrics_max_series_per_metric prometheus_metrics_ttl_seconds: for the callback `prometheus`
prometheus_metrics_cleanup_interval_seconds: for the callback `prometheus`
""",
    ),
    *table(
        Use.NEEDS_PROXY,
        "LiteLLM counts and checks it in the proxy's server alone",
        """
max_budget budget_duration: a budget for everything
max_user_budget max_internal_user_budget default_max_internal_user_budget: budgets of users
internal_user_budget_duration default_internal_user_params max_ui_session_budget: budgets of users
max_end_user_budget max_end_user_budget_id validate_end_user_id_in_db: budgets of end users
budget_rollover budget_reset_time default_soft_budget: how budgets are kept
budget_exceeded_throttle_percentage budget_exceeded_status_code: how budgets are kept
block_requests_for_models_without_pricing apply_search_free_tier: how budgets are kept
default_key_generate_params upperbound_key_generate_params key_generation_settings key_alias_pattern: virtual keys
enable_key_alias_format_validation default_key_max_budget_alert_emails: virtual keys
default_team_params default_team_settings: teams, and where their calls are logged
priority_reservation_settings: shares of keys
""",
    ),
    *table(
        Use.NEEDS_PROXY,
        "it is the proxy's server",
        """
guardrails guardrail_name_config_map output_parse_pii: checks of requests and answers
blocked_user_list banned_keywords_list llm_guard_mode llamaguard_model_name: checks of requests and answers
presidio_ad_hoc_recognizers openai_moderations_model_name google_moderation_confidence_threshold: the same
llamaguard_unsafe_content_categories: checks of requests and answers
audit_log_callbacks store_audit_logs s3_audit_callback_params: who is told of changes to keys and teams
mcp_aliases mcp_tool_search public_mcp_servers public_mcp_hub_strict_whitelist: its MCP gateway
public_model_groups public_model_groups_links public_agent_groups public_skills_index: its public pages
agent_search_embedding_model skill_search_embedding_model vector_store_index_registry: its registries
model_group_settings: headers that single models' calls pass on
responses: its Responses API in the background
enable_redis_auth_cache: keys in the cache's Redis
enable_loadbalancing_on_batch_endpoints require_managed_files: its files and batches
enable_model_config_credential_overrides: credentials of keys and teams
add_user_information_to_llm_headers overwrite_user_with_key_hash: who vendors are told is asking
forward_traceparent_to_llm_provider: its traces
include_cost_in_streaming_usage strip_anthropic_total_tokens: what its streams say
anthropic_sse_ping_interval_seconds sse_keepalive_ping_interval_seconds: what its streams say
websearch_interception_params mcp_semantic_tool_filter presidio_logging_only: parameters of its own callbacks
scim_admin_group scim_upsert_user: its user management
json_logs log_auth_failure_key_identity allow_dynamic_callback_disabling: its log
require_auth_for_metrics_endpoint prometheus_initialize_budget_metrics: its metrics endpoint
model_cost_map_url anthropic_beta_headers_url autorouter_presets_url blog_posts_url: lists that it fetches again
""",
    ),
)
