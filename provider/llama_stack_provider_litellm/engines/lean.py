"""LiteLLM's Router, less what it does for nothing. Imported with litellm, and so by no module's head."""

from __future__ import annotations

from typing import Any

import litellm
from litellm.router import deployment_has_io_token_limits


class Router(litellm.Router):
    """Answers as LiteLLM's does; tests compare what both count."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._unlimited: dict[str, bool] = {}
        super().__init__(*args, **kwargs)

    async def _increment_deployment_usage(self, *, deployment_id: str, **counted: Any) -> str | None:
        """LiteLLM counts a deployment's use where it has a limit, and to learn that it has none copies, twice in each
        call, all that is known of its model: a sixth of the Router's time."""
        if self._is_unlimited(deployment_id):
            return None
        return await super()._increment_deployment_usage(deployment_id=deployment_id, **counted)

    def _is_unlimited(self, deployment_id: str) -> bool:
        """Whether a deployment has no limit to be counted against. A Router's deployments stay as they are, and a
        reload makes another Router; what another Router's config says later of the same vendor's model is not asked."""
        known = self._unlimited.get(deployment_id)
        if known is None:
            known = self._unlimited[deployment_id] = self._find_unlimited(deployment_id)
        return known

    def _find_unlimited(self, deployment_id: str) -> bool:
        deployment = self.get_deployment(model_id=deployment_id)
        # Who stands for many has as many sets of limits.
        if deployment is None or "*" in deployment.litellm_params.model:
            return False
        try:
            facts = self.get_router_model_info(deployment=deployment, received_model_name=deployment.model_name)
        except Exception:  # LiteLLM raises a bare one for a model that it does not know
            return False
        holders = (deployment, deployment.litellm_params, facts)
        limits = [holder.get(name) for holder in holders for name in ("tpm", "rpm")]
        return all(limit is None for limit in limits) and not deployment_has_io_token_limits(deployment.model_dump())
