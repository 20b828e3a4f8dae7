"""What the inference providers of all lines share: their life, and their models."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, ClassVar

from ..caller import Caller
from ..catalog import Catalog
from ..config import LiteLLMConfig
from ..engines import Engine
from ..errors import InvalidRequest, RequestError
from ..reload import Follower
from . import callers, lookup
from .installed import api

logger = logging.getLogger(__name__)

_datatypes = api("datatypes")


class Adapter:
    """An inference provider that serves from an engine.

    It does not inherit the host's protocol class: that of 0.2 would wrap every method in a tracing span that
    serialises all arguments; the host's router has traced the call already.
    """

    __provider_id__: str
    __provider_spec__: Any

    boots_in_serving_loop: ClassVar[bool] = False
    """Whether the host initializes its providers in the event loop that serves, and not in one that it throws away."""

    def __init__(self, config: LiteLLMConfig, engine: Engine) -> None:
        self.config = config
        self.engine = engine
        self._models: Catalog | None = None
        self._table: Any = None
        self._boot_loop: asyncio.AbstractEventLoop | None = None
        self._follower: Follower | None = None

    # Life cycle

    async def initialize(self) -> None:
        """Read the models. Nothing bound to the event loop is made: most hosts throw this one away."""
        self._boot_loop = asyncio.get_running_loop()
        self.teach_server()
        self._models = await self.engine.catalog()

    def teach_server(self) -> None:
        """Let the host's server learn what it has to, once per process."""
        raise NotImplementedError

    async def shutdown(self) -> None:
        """Close the engine."""
        if self._follower is not None:
            await self._follower.close()
        await self.engine.close()

    async def health(self) -> Any:
        """Whether models can be asked, as far as is known without asking one."""
        trouble, status = self.engine.trouble(), _datatypes.HealthStatus
        return _datatypes.HealthResponse(status=status.ERROR if trouble else status.OK, message=trouble)

    # Models

    @property
    def model_store(self) -> Any:
        """The host's table of models. The host sets it; from then on it also knows our other names."""
        return self._table

    @model_store.setter
    def model_store(self, table: Any) -> None:
        self._table = table
        lookup.extend(table, provider_id=self.__provider_id__, catalog=self.catalog, refusal=self.refusal)

    def refusal(self, error: RequestError) -> Exception:
        """An error of ours as one that the host can answer with."""
        return error

    def catalog(self) -> Catalog:
        """The models that the host knows of."""
        if self._models is None:
            raise RuntimeError("the provider has not been initialized")
        return self._models

    async def list_models(self) -> list[Any]:
        """Every model of the LiteLLM config that this host has a type for, wildcards as they stand."""
        return lookup.host_models(self.catalog(), self.__provider_id__)

    async def should_refresh_models(self) -> bool:
        """Always false: the host's refresh drops every model before it registers it again, under load.

        The host asks in its serving loop as soon as that runs, which is the time to get the engine ready.
        """
        serves = self.boots_in_serving_loop or asyncio.get_running_loop() is not self._boot_loop
        if serves and self._follower is None:
            self._follower = Follower(self.engine, self._models_changed, self.catalog())
            await self.engine.start(self._follower.renewed)
            self._follower.start()
        return False

    async def _models_changed(self, now: Catalog) -> None:
        self._models = now
        models = lookup.host_models(now, self.__provider_id__)
        await lookup.follow(self._table, provider_id=self.__provider_id__, models=models)

    async def register_model(self, model: Any) -> Any:
        """Accept a model of the LiteLLM config, by its name or by its id here, or an alias for one; of a LiteLLM Proxy
        that is away, whatever it may have."""
        models, prefix = self.catalog(), f"{self.__provider_id__}/"
        asked = name = model.provider_resource_id or model.identifier
        if asked not in models.entries:
            name = asked.removeprefix(prefix)
        if name not in models.entries and models.resolve(name) is None:
            if models.away is None:
                raise self.refusal(models.not_found(name))
            logger.warning("The model '%s' is registered unseen. %s", name, models.away.message)
        if name == asked:
            return model
        # Of an id the host has made another, with the prefix twice.
        identifier = asked if model.identifier == prefix + asked else model.identifier
        return model.model_copy(update={"provider_resource_id": name, "identifier": identifier})

    async def unregister_model(self, model_id: str) -> None:
        """Nothing to do: the LiteLLM config is the only list of models."""

    def caller(self) -> Caller:
        """Who asks now. Raises InvalidRequest for provider data that cannot be read."""
        return callers.current(self.config.allowed_headers)


def no_pattern(name: str) -> str:
    """The name of a model. Raises InvalidRequest for a wildcard's pattern."""
    if "*" in name:
        example = name.replace("*", "gpt-4o-mini", 1)
        raise InvalidRequest(
            f"'{name}' is a pattern, not a model. Put a model's name for the *, for example '{example}'."
        )
    return name
