"""Parameters that not every model takes."""

from __future__ import annotations

from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.engines.proxy import parameters
from llama_stack_provider_litellm.engines.proxy.parameters import Guard, understood

UNSUPPORTED = errors.UnsupportedParameter("Model gpt: openai does not support temperature=0. Only 1 is taken.")


def deployment(vendor: str | None = "anthropic", taken: object = None, model: str = "x/y") -> dict[str, Any]:
    info = {"litellm_provider": vendor, "supported_openai_params": taken}
    return {"model_name": "gpt", "litellm_params": {"model": model}, "model_info": info}


def ask(**more: Any) -> dict[str, Any]:
    return {"model": "gpt", "messages": [], **more}


def test_without_strict_params_everything_goes() -> None:
    request = ask(seed=5, user="ann")
    assert Guard(strict=False).checked(request, [deployment(taken=[])]) == request


def test_strict_params_name_what_would_be_lost() -> None:
    guard = Guard(strict=True)
    with pytest.raises(errors.UnsupportedParameter, match=r"Model gpt: .* does not take `seed`, `top_p`"):
        guard.checked(ask(seed=5, top_p=1, stop="x", stream=True), [deployment(taken=["stop"])])


def test_one_deployment_without_it_is_enough() -> None:
    taken = [deployment(taken=["seed"]), deployment(taken=[])]
    with pytest.raises(errors.UnsupportedParameter, match="`seed`"):
        Guard(strict=True).checked(ask(seed=5), taken)


@pytest.mark.parametrize("taken", [None, "seed", {}])
def test_where_the_proxy_says_nothing_nothing_is_refused(taken: object) -> None:
    assert Guard(strict=True).checked(ask(seed=5), [deployment(taken=taken)]) == ask(seed=5)
    assert Guard(strict=True).checked(ask(seed=5), []) == ask(seed=5)


def test_openai_shaped_vendors_take_user() -> None:
    assert Guard(strict=True).checked(ask(user="ann"), [deployment("openai", [])]) == ask(user="ann")
    with pytest.raises(errors.UnsupportedParameter, match="`user`"):
        Guard(strict=True).checked(ask(user="ann"), [deployment("anthropic", [])])


@pytest.mark.parametrize(
    ("vendors", "passed"),
    [(["openai"], True), (["openai", "hosted_vllm"], True), (["openai", "anthropic"], False), (["gemini"], False)],
)
def test_openai_shaped_vendors_are_told_to_pass_it_on(vendors: list[str], passed: bool) -> None:
    body = {"model": "gpt", "input": ["x"], "dimensions": 8, "user": "ann"}
    sent = understood(body, [deployment(vendor) for vendor in vendors])
    assert sent.get("allowed_openai_params") == (["user", "dimensions"] if passed else None)
    assert "allowed_openai_params" not in body
    assert understood({"model": "gpt"}, [deployment("openai")]) == {"model": "gpt"}


@pytest.mark.parametrize(("model", "passed"), [("openai/x", True), ("gpt", False)])
def test_a_vendor_that_is_not_told_is_read_from_the_models_name(model: str, passed: bool) -> None:
    sent = understood({"user": "ann"}, [deployment(None, model=model)])
    assert ("allowed_openai_params" in sent) is passed


def test_a_refused_temperature_is_learnt_once(caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard(strict=False)
    greedy = ask(greedy=True)
    assert guard.checked(greedy, []) == greedy
    assert guard.learns(UNSUPPORTED, greedy)
    assert guard.checked(greedy, []) == ask()
    assert guard.checked({**greedy, "model": "other"}, []) == {**greedy, "model": "other"}
    # The second try has no temperature that it could fail for.
    assert not guard.learns(UNSUPPORTED, guard.checked(greedy, []))
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("refusal", "request_"),
    [
        (UNSUPPORTED, ask(temperature=0.0)),
        (UNSUPPORTED, ask()),
        (errors.UnsupportedParameter("Model gpt: no `seed`"), ask(greedy=True)),
        (errors.InvalidRequest("temperature"), ask(greedy=True)),
    ],
)
def test_other_refusals_teach_nothing(refusal: errors.RequestError, request_: dict[str, Any]) -> None:
    assert not Guard(strict=False).learns(refusal, request_)


def test_what_is_learnt_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "_MOST_LEARNT", 2)
    guard = Guard(strict=False)
    assert [guard.learns(UNSUPPORTED, {"model": f"wild/{n}", "greedy": True}) for n in range(3)] == [True, True, False]
