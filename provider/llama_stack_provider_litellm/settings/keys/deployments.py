"""``litellm_params`` and ``model_info`` of a deployment.

LiteLLM passes any other key of ``litellm_params`` on to the vendor as a parameter of each call.
"""

from __future__ import annotations

from .key import Key, Use, table

PARAMS: tuple[Key, ...] = tuple(
    table(
        Use.HONOURED,
        "by the Router, call by call",
        """
model: the vendor's model, as `vendor/model`
custom_llm_provider: the vendor, where `model` does not say it
api_key: the vendor's key
api_base base_url: the vendor's address
api_version: the version of the vendor's API
organization: OpenAI's organization
litellm_credential_name: an entry of `credential_list`
timeout stream_timeout timeout_by_service_tier stream_timeout_by_service_tier: the longest waits, in seconds
max_retries num_retries: how often a failed call is tried again
rpm tpm itpm otpm: requests and tokens a minute, for strategies and rate limits
max_parallel_requests: calls at once
weight: how often it is chosen, compared to the others of the name
order: deployments of a lower order come first
tags tag_regex: the tags of requests that it serves
max_budget budget_duration: its budget, in USD, and how long that lasts
fallbacks context_window_fallbacks content_policy_fallbacks: fallbacks of this deployment alone
drop_params additional_drop_params allowed_openai_params: which parameters are dropped or passed on
extra_headers headers: HTTP headers of each call
extra_body: further fields of each call's body
dimensions: the size of its vectors
temperature top_p max_tokens max_completion_tokens seed stop reasoning_effort thinking: defaults of each call
merge_reasoning_content_in_choices: reasoning stands in the answer's text
use_chat_completions_api: chat completions where the Responses API would be used
use_litellm_proxy: the calls go to a LiteLLM Proxy
cache_control_injection_points: where prompt caching marks are set
mock_response: an answer without a call, for tests
input_cost_per_token output_cost_per_token input_cost_per_second output_cost_per_second: prices in USD
cache_creation_input_token_cost cache_read_input_token_cost cost_per_second: prices in USD
region_name: the vendor's region
azure_ad_token tenant_id client_id client_secret azure_scope azure_username azure_password: Azure's credentials
vertex_project vertex_location vertex_credentials vertex_ai_project vertex_ai_location: Google Cloud's credentials
aws_access_key_id aws_secret_access_key aws_session_token aws_region_name aws_profile_name: AWS's credentials
aws_session_name aws_role_name aws_web_identity_token aws_sts_endpoint aws_external_id: AWS's credentials
aws_bedrock_runtime_endpoint aws_bedrock_project_id aws_session_tags: AWS's credentials
watsonx_region_name: IBM's region
vector_store_ids: stores of `vector_store_registry` to search first
complexity_router_config auto_router_config auto_router_default_model: a deployment that chooses among others
configurable_clientside_auth_params: what a caller may set at a proxy; no caller may here
""",
    )
)

INFO: tuple[Key, ...] = tuple(
    table(
        Use.HONOURED,
        "by the catalogue of models",
        """
id: the deployment's own name
mode: what it does: `chat`, `completion`, `embedding`, `rerank`, …
base_model: the model whose window and price count
output_vector_size: the size of an embedding model's vectors
max_input_tokens max_output_tokens max_tokens: its window, in tokens
input_cost_per_token output_cost_per_token: prices in USD
supports_function_calling supports_vision supports_response_schema: what it can do
""",
    )
) + tuple(
    table(
        Use.NEEDS_PROXY,
        "it concerns the proxy's keys, teams and pages",
        """
access_groups team_id team_public_model_name blocked discoverable access_windows: who may see and use it
disable_background_health_check health_check_model health_check_timeout: the proxy's health checks
""",
    )
)
