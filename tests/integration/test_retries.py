"""Retries, timeouts and cooldowns of the LiteLLM config, by the upstream's own log."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import count, pairwise
from typing import Any

import pytest

from tests import modes
from tests.differences import NEWER_LITELLM
from tests.integration.routed import Answer, Routed, deployment, routed
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

COOLDOWN = 3.0
WAIT = 3


def config(upstream: Upstream) -> dict[str, Any]:
    calm: dict[str, Any] = {"cooldown_time": 0}
    models = [
        # Cooldowns would end the retries of these.
        deployment(upstream, "pair", "pair-a", **calm),
        deployment(upstream, "pair", "pair-b", **calm),
        deployment(upstream, "alone", "alone-1", num_retries=1, **calm),
        deployment(upstream, "once", "once-1", num_retries=0, **calm),
        deployment(upstream, "policied", "policied-1", **calm),
        deployment(upstream, "policied", "policied-2", **calm),
        deployment(upstream, "rests", "rests-sound", model="openai/sound-m"),
        deployment(upstream, "rests", "rests-ill", model="openai/ill-m"),
        deployment(upstream, "single", "single-1", num_retries=0),
        deployment(upstream, "brief", "brief-1", timeout=0.5, stream_timeout=0.2, num_retries=0, **calm),
    ]
    return {
        "model_list": models,
        "router_settings": {
            # LiteLLM itself has 2.
            "num_retries": 3,
            "retry_after": WAIT,
            "retry_policy": {"TimeoutErrorRetries": 0, "RateLimitErrorRetries": 1},
            "model_group_retry_policy": {
                "policied": {"InternalServerErrorRetries": 4, "RateLimitErrorRetries": 0},
                "rests": {"InternalServerErrorRetries": 20},
            },
            "allowed_fails": 2,
            "cooldown_time": COOLDOWN,
            "stream_timeout": 1.2,
        },
        "litellm_settings": {"request_timeout": 3},
    }


@pytest.fixture(scope="module")
def stack(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    with routed(tmp_path_factory.mktemp("retries"), upstream, config(upstream)) as server:
        yield server


def gaps(stack: Routed, word: str) -> list[float]:
    """Seconds from each call to the next."""
    return [after["time"] - before["time"] for (_, before), (_, after) in pairwise(stack.arrived(word))]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("model", "fault", "calls"),
    [
        ("pair", "error 500", 4),
        ("pair", "error 503", 4),
        ("once", "error 500", 1),
        # What a repetition cannot mend.
        ("pair", "error 400", 1),
        ("pair", "error 404", 1),
        # The policy's numbers for kinds of errors, and those of one model.
        ("pair", "error 429", 2),
        ("policied", "error 500", 5),
        ("policied", "error 429", 1),
    ],
)
def test_how_often(stack: Routed, word: str, model: str, fault: str, calls: int, stream: bool) -> None:
    answer = stack.chat(model, f"[[{fault}]] {word}", stream=stream)
    assert '"litellm"' not in answer.text
    assert len(stack.arrived(word)) == calls


def test_what_succeeds_is_not_repeated(stack: Routed, word: str) -> None:
    answer = stack.chat("pair", f"[[error 500 times=1]] {word}")
    assert answer.about["retries"] == 1
    assert len(stack.arrived(word)) == 2


def test_a_sibling_is_asked_at_once(stack: Routed, word: str) -> None:
    stack.chat("pair", f"[[error 500]] {word}")
    assert all(gap < WAIT for gap in gaps(stack, word))


def test_a_deployment_without_siblings_is_given_time(stack: Routed, word: str) -> None:
    assert stack.chat("alone", f"[[error 500 times=1]] {word}").about["retries"] == 1
    (gap,) = gaps(stack, word)
    # LiteLLM's own times are shorter: half a second and up to 0.75 s of jitter.
    assert gap >= WAIT


def test_a_vendors_own_time_is_kept(stack: Routed, word: str) -> None:
    assert stack.chat("alone", f"[[error 500 retry-after=1 times=1]] {word}").about["retries"] == 1
    (gap,) = gaps(stack, word)
    assert 1 <= gap < WAIT


@pytest.mark.parametrize(
    ("model", "stream", "seconds", "next_longer"),
    [("pair", False, 3.0, 9.0), ("pair", True, 1.2, 3.0), ("brief", False, 0.5, 3.0), ("brief", True, 0.2, 1.2)],
    ids=["request_timeout", "stream_timeout", "a model's timeout", "a model's stream_timeout"],
)
def test_a_timeout(stack: Routed, word: str, model: str, stream: bool, seconds: float, next_longer: float) -> None:
    start = time.monotonic()
    answer = stack.chat(model, f"[[hang]] {word}", stream=stream)
    took = time.monotonic() - start
    assert answer.refusal[0] == 504
    assert seconds <= took < next_longer
    stack.upstream.wait_for(lambda call: word in str(call["body"]) and call["outcome"] == "disconnected")
    assert len(stack.arrived(word)) == 1, "the policy gives no second try"


def test_a_stream_may_last_longer_than_its_timeout(stack: Routed, word: str) -> None:
    assert stack.chat("pair", f"[[slow 30]] {word}", stream=True).by.startswith("pair-")


def test_a_failing_deployment_rests_and_comes_back(stack: Routed, word: str) -> None:
    texts = (f"[[error 500 model=ill-m]] {word} {number}" for number in count())
    deadline = time.monotonic() + 6 * COOLDOWN
    rests: list[tuple[float, float]] = []
    spared = 0
    # Chance would spare it 20 times once in a million. On a slow machine that takes more than one rest.
    while spared < 20:
        assert time.monotonic() < deadline, f"it was spared {spared} times in the rests {rests}"
        assert {stack.chat("rests", next(texts)).by for _ in range(10)} == {"rests-sound"}
        arrived = stack.arrived(word)
        tries = [call["time"] for id, call in arrived if id == "rests-ill"]
        rests = [(before, after) for before, after in pairwise(tries) if after - before >= COOLDOWN]
        sound = [call["time"] for id, call in arrived if id == "rests-sound"]
        spared = sum(start < called < start + COOLDOWN for start, _ in rests for called in sound)
    start, end = rests[0]
    # LiteLLM's own rest is 5 s.
    assert end - start < 5
    # One more failure than `allowed_fails`, and those that were on their way.
    failures = [json.dumps(call["body"]) for id, call in arrived if id == "rests-ill" and call["time"] <= start]
    # Within a request a LiteLLM Proxy counts the first alone, and not what its retries meet.
    assert 3 <= (len(failures) if modes.current == "embedded" else len(set(failures))) <= 6


def test_a_resting_model_says_for_how_long(stack: Routed, word: str) -> None:
    failing = f"[[error 500]] {word}"
    if NEWER_LITELLM:
        assert {stack.chat("single", failing).status for _ in range(12)} == {502} and len(stack.arrived(word)) == 12
        return
    resting = _refused(stack, failing)
    assert (resting.status, resting.headers["retry-after"]) == (429, f"{COOLDOWN:.0f}")
    assert "All deployments for selected model are in cooldown" in resting.text
    assert 3 <= len(stack.arrived(word)) <= 6
    status, said = _refused(stack, failing, stream=True).refusal
    assert status == 429 and said.startswith("Model single: ") and f"Retry after {COOLDOWN:.0f} s." in said

    deadline = time.monotonic() + 4 * COOLDOWN
    while not (answer := stack.chat("single", word)).about:
        assert time.monotonic() < deadline, answer.text
    assert gaps(stack, word)[-1] >= COOLDOWN


def _refused(stack: Routed, failing: str, *, stream: bool = False) -> Answer:
    """The first answer that is no failure of the upstream: on a slow machine a rest can end before the next call."""
    deadline = time.monotonic() + 4 * COOLDOWN
    while (answer := stack.chat("single", failing, stream=stream)).refusal[0] == 502:
        assert time.monotonic() < deadline, answer.text
    return answer
