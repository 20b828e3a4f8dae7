"""The error tree, and which class of it each exception of LiteLLM is."""

from __future__ import annotations

import inspect
import re

import pytest
from litellm import exceptions as vendor

from llama_stack_provider_litellm import errors, translation
from llama_stack_provider_litellm.translation import from_litellm
from tests.raising import make

# Every class of litellm.exceptions → ours. A class that is new in a later litellm fails the test that reads this.
ROWS: dict[str, type[errors.RequestError]] = {
    "APIConnectionError": errors.BadGateway,
    "APIError": errors.BadGateway,
    "APIResponseValidationError": errors.BadGateway,
    "AuthenticationError": errors.UpstreamAuthentication,
    "BadGatewayError": errors.BadGateway,
    "BadRequestError": errors.InvalidRequest,
    "BlockedPiiEntityError": errors.GuardrailRefused,
    "BudgetExceededError": errors.BudgetExceeded,
    "ContentPolicyViolationError": errors.ContentRefused,
    "ContextWindowExceededError": errors.ContextWindowExceeded,
    "GuardrailRaisedException": errors.GuardrailRefused,
    "ImageFetchError": errors.InvalidRequest,
    "InternalServerError": errors.BadGateway,
    "InvalidRequestError": errors.InvalidRequest,
    "JSONSchemaValidationError": errors.BadGateway,
    "LiteLLMUnknownProvider": errors.InvalidRequest,
    "MidStreamFallbackError": errors.Unavailable,
    "MockException": errors.BadGateway,
    "ModelNotMappedError": errors.BadGateway,
    "ModifyResponseException": errors.BadGateway,
    "NotFoundError": errors.ModelNotFound,
    "OpenAIError": errors.BadGateway,
    "PaymentRequiredError": errors.PaymentRequired,
    "PermissionDeniedError": errors.PermissionRefused,
    "RateLimitError": errors.RateLimited,
    "RejectedRequestError": errors.ContentRefused,
    "SensitiveDataRouteException": errors.BadGateway,
    "ServiceUnavailableError": errors.Unavailable,
    "Timeout": errors.UpstreamTimeout,
    "UnprocessableEntityError": errors.Unprocessable,
    "UnsupportedParamsError": errors.UnsupportedParameter,
    "VectorStoreSearchError": errors.InvalidRequest,
}


def exceptions() -> list[str]:
    return sorted(
        name
        for name, found in vars(vendor).items()
        if not name.startswith("_") and isinstance(found, type) and issubclass(found, Exception)
    )


def test_every_exception_of_litellm_has_a_row() -> None:
    assert exceptions() == sorted(ROWS)


@pytest.mark.parametrize("name", exceptions())
def test_each_exception_of_litellm(name: str) -> None:
    error = from_litellm(make(name), model="gpt")
    assert type(error) is ROWS.get(name)
    assert 400 <= error.status_code <= 599
    assert error.status_code != 500, "never a bare 500 for something that was said upstream"
    assert re.match(r"Model gpt( \(\S+\))?: \S", error.message)
    assert error.message.endswith(error.mend)
    assert error.model == "gpt"
    assert str(error) == error.message
    assert "litellm." not in error.message.replace("docs.litellm.ai", ""), "LiteLLM's class names are gone"


# The tree as the module's docstring draws it.


def drawn() -> dict[str, tuple[str | None, str]]:
    """Class name → its parent's name and its status, as drawn."""
    found: dict[str, tuple[str | None, str]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r" {4}(?P<branch>[│├└─ ]*)(?P<name>\w+) +(?P<status>\d{3}|-)(?: |$)", line):
            depth = len(match["branch"])
            while above and above[-1][0] >= depth:
                above.pop()
            found[match["name"]] = (above[-1][1] if above else None, match["status"])
            above.append((depth, match["name"]))
    return found


def test_the_drawn_tree_is_the_real_one() -> None:
    real: dict[str, tuple[str | None, str]] = {}
    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, errors.LiteLLMProviderError):
            parent = found.__base__.__name__ if found is not errors.LiteLLMProviderError else None  # type: ignore[union-attr]
            real[name] = (parent, str(getattr(found, "status_code", "-")))
    # The base has no status of its own: what escapes as such would be a 500.
    real["LiteLLMProviderError"] = (None, "500")
    assert drawn() == real


def test_each_class_has_a_code_of_its_own() -> None:
    kinds = [
        found for found in vars(errors).values() if inspect.isclass(found) and issubclass(found, errors.RequestError)
    ]
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_only_what_is_in_the_tree_is_ever_made() -> None:
    for kind in {*translation._BY_CLASS.values(), *translation._BY_STATUS.values()}:
        assert kind.__name__ in drawn()
        assert kind.status_code != 500
