"""``general_settings``: the proxy's server, and three guards of what the library fetches."""

from __future__ import annotations

from .key import Key, Use, table

KEYS: tuple[Key, ...] = (
    *table(
        Use.HONOURED,
        "set on `litellm`",
        """
user_url_validation: URLs of images and files are checked before LiteLLM fetches them
user_url_allowed_hosts: hosts that such URLs may name all the same
provider_url_destination_allowed_hosts: hosts to which a request may send a vendor's call
""",
    ),
    *table(
        Use.NEEDS_PROXY,
        "it is the proxy's server",
        """
master_key dangerously_permit_weak_or_unset_master_key litellm_key_header_name: the key that every call must bring
disable_master_key_return disable_adding_master_key_hash_to_db: what happens to the master key
custom_auth custom_auth_run_common_checks enable_jwt_auth litellm_jwtauth allow_user_auth: who may call
enable_oauth2_auth enable_oauth2_proxy_auth oauth2_config_mappings custom_sso: who may call, through OAuth and SSO
custom_ui_sso_sign_in_handler auto_redirect_ui_login_to_sso allow_cli_sso_verification_uri_complete: SSO in its pages
allowed_routes public_routes admin_only_routes allowed_ips role_permissions enforce_rbac: who may call what
trusted_proxy_ranges use_x_forwarded_for: which address counts as the caller's
service_account_settings default_team_disabled disable_custom_api_keys: which keys there may be
custom_key_generate custom_key_update custom_key_policy disable_key_generate_for_org_admin: how keys are made
custom_team_metadata_validate team_metadata_schema team_metadata_validation_error_message: what teams may state
team_metadata_validation_timeout disable_auto_add_proxy_admin_to_teams use_team_public_model_name: its teams
user_api_key_cache_ttl user_api_key_cache_max_size: how it caches keys
allow_client_side_credentials: callers may bring keys of vendors
key_management_system key_management_settings use_google_kms use_azure_key_vault: a secret manager behind `os.environ/`
database_url database_type database_args database_connection_pool_limit database_connection_timeout: its database
database_connect_timeout database_socket_timeout database_max_idle_connection_lifetime: its database
database_extra_connection_params database_disable_prepared_statements database_connection_pool_timeout: its database
allow_requests_on_db_unavailable disable_prisma_schema_update: its database
store_model_in_db supported_db_objects proxy_config_reload_interval_seconds: models that stand in its database
disable_spend_logs disable_spend_updates disable_error_logs store_prompts_in_spend_logs: its spend logs
spend_logs_metadata_fields use_spend_logs_partitioning use_redis_transaction_buffer: its spend logs
maximum_spend_logs_retention_period maximum_spend_logs_retention_interval maximum_spend_logs_cleanup_cron: spend logs
maximum_spend_logs_cleanup_batch_size maximum_spend_logs_cleanup_max_batches: how its spend logs are cleaned
maximum_spend_logs_cleanup_run_budget maximum_spend_logs_cleanup_batch_timeout: how its spend logs are cleaned
maximum_autorouter_session_retention_period maximum_health_check_retention_period: how long its records are kept
maximum_daily_tag_spend_retention_period: how long its records are kept
proxy_batch_write_at proxy_batch_polling_interval scheduled_job_stagger: when it writes
proxy_budget_rescheduler_min_time proxy_budget_rescheduler_max_time disable_reset_budget: when budgets begin anew
disable_budget_reservation fail_closed_budget_enforcement apply_user_budget_to_team_keys: how budgets are kept
spend_capture_rate_check spend_report_frequency track_unmanaged_batch_cost: reports on spend
max_parallel_requests global_max_parallel_requests token_rate_limit_type: its rate limits
disable_retry_on_max_parallel_request_limit_error fail_closed_rate_limit_enforcement: its rate limits
max_in_flight_requests_per_worker max_queued_requests_per_worker admission_queue_timeout_seconds: its queue
coordination_redis: the Redis that its workers share
max_request_size_mb max_response_size_mb max_file_size_mb allowed_file_extensions blocked_file_extensions: its limits
max_batch_file_size_mb max_batch_file_records max_batch_file_uploads_per_day max_file_downloads_per_minute: its limits
disable_batch_input_file_rate_limiting skip_batch_input_file_rate_limiting_for_models: limits of batches
skip_batch_input_file_rate_limiting_for_providers: limits of batches
completion_model embedding_model image_generation_model moderation_model: the model of requests that name none
infer_model_from_keys model_list_healthy_only: what its `/models` shows
enforce_user_param enforced_params reject_clientside_metadata_tags missing_session_id: what requests must bring
user_header_name user_header_mappings: the header that names the user
forward_client_headers_to_llm_api forward_llm_provider_auth_headers forward_openai_org_id: headers that it passes on
always_include_stream_usage cancel_on_disconnect include_call_id_in_error_body: how it answers
expose_fallback_errors_to_caller enforce_fallback_model_access: how it answers
disable_responses_id_security allow_unmanaged_response_ids responses_websocket_session_limit_seconds: its Responses API
background_health_checks use_shared_health_check health_check_interval health_check_concurrency: its health checks
health_check_details health_check_skip_disabled_background_models enable_health_check_routing: its health checks
health_check_staleness_threshold health_check_ignore_transient_errors allow_public_health_readiness_details: the same
background_health_check_model_groups: its health checks
alerting alert_types alert_to_webhook_url alerting_args alerting_threshold alert_type_config: its alerts
otel tracing: its traces
ui_access_mode hide_default_credentials_hint enable_public_model_hub control_plane_url plugins: its pages
max_failed_login_attempts_per_source max_failed_login_attempts_per_source_overrides: signing in to its pages
failed_login_window_seconds failed_login_block_seconds disable_env_credential_login: signing in to its pages
disable_password_login_when_sso_enabled password_policy_check_breached_passwords: signing in to its pages
password_policy_min_length password_policy_require_lowercase password_policy_require_uppercase: its passwords
password_policy_require_numbers password_policy_require_special_characters: its passwords
pass_through_endpoints pass_through_request_timeout use_client_credentials_pass_through_routes: its pass-through
passthrough_managed_object_ids disable_bedrock_agent_runtime_passthrough: its pass-through
enable_openai_websocket_passthrough transcribe_media_buckets: its pass-through
user_mcp_management_mode enable_mcp_registry mcp_internal_ip_ranges mcp_trusted_proxy_ranges: its MCP gateway
mcp_advertised_versions mcp_allowed_clients mcp_client_id_header mcp_xff_num_trusted_hops: its MCP gateway
mcp_prefer_client_id_metadata_document mcp_required_fields mcp_client_side_auth_header_name: its MCP gateway
mcp_allow_all_keys_respects_mcp_scope mcp_session_token_signing: its MCP gateway
require_end_user_mcp_access_defined require_key_mcp_access_defined: its MCP gateway
vector_store_deny_by_default search_tool_deny_by_default search_tools: its vector stores and search
enable_claude_code_gateway claude_code_gateway_managed_settings: its gateway for Claude Code
enable_drain_endpoint drain_endpoint_token: how it is stopped
litellm_license: its license
""",
    ),
)
