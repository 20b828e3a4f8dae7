"""What several commands take, from the command line or the environment."""

from __future__ import annotations

import os
from typing import get_args

import click

from ..address import DEFAULT_PROXY_URL
from ..config import LiteLLMConfig, Mode

config = click.option("--config", "path", envvar="LITELLM_CONFIG", help="LiteLLM's config.yaml. [env: LITELLM_CONFIG]")
mode = click.option(
    "--mode",
    type=click.Choice(get_args(Mode)),
    envvar="LITELLM_MODE",
    default="embedded",
    show_default=True,
    show_envvar=True,
)
proxy_url = click.option(
    "--proxy-url",
    envvar="LITELLM_PROXY_URL",
    default=DEFAULT_PROXY_URL,
    show_default=True,
    show_envvar=True,
    help="The LiteLLM Proxy of the modes proxy and auto; its key is taken from LITELLM_PROXY_API_KEY.",
)
port = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    envvar="LLAMA_STACK_PORT",
    default=8321,
    show_default=True,
    show_envvar=True,
)
workers = click.option(
    "--workers",
    type=click.IntRange(1),
    envvar="LLAMA_STACK_WORKERS",
    show_envvar=True,
    help="Processes that serve, from Llama Stack 0.7 on; as many as the run config says, one where it says nothing.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def provider_config(mode: Mode, proxy_url: str, path: str = "") -> LiteLLMConfig:
    """The provider's settings that the run config gives it with these. Raises pydantic.ValidationError."""
    return LiteLLMConfig.model_validate(
        {
            "mode": mode,
            "config_path": path,
            "proxy": {
                "url": proxy_url,
                "api_key": os.environ.get("LITELLM_PROXY_API_KEY"),
                "ca": os.environ.get("LITELLM_PROXY_CA"),
            },
        }
    )
