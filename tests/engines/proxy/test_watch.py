"""Whether the proxy is there: how often it is asked, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.engines.proxy import watch
from llama_stack_provider_litellm.engines.proxy.watch import Watch
from llama_stack_provider_litellm.usage import metrics

NO, YES = "no", "yes"
# The proxy has answered a look, and is gone before that is heard: a request has found so.
LAST = "last"
_REAL_SLEEP = asyncio.sleep


class Story:
    """What looks find, one after the other, and what came of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: Iterable[str], *, replaceable: bool = True) -> None:
        self.looks = list(looks)
        self.asked = 0
        self.back: list[bool] = []
        self.hopeless = 0
        self.pauses: list[float] = []
        self.switches: list[str] = []
        self.over = asyncio.Event()
        self.watch = Watch(
            "http://proxy",
            self._ask,
            replaceable=replaceable,
            back=self._back,
            hopeless=self._give_up,
        )
        monkeypatch.setattr(metrics, "switched", self.switches.append)
        there = {"Event": asyncio.Event, "timeout": asyncio.timeout}
        monkeypatch.setattr(watch, "asyncio", SimpleNamespace(**there, sleep=self._sleep))
        # Looks follow one another at once.
        monkeypatch.setattr(watch, "_EVERY", 0)

    async def _ask(self) -> None:
        if self.asked == len(self.looks):
            self.over.set()
            await asyncio.Future()
        found = self.looks[self.asked]
        self.asked += 1
        if found == NO:
            raise errors.ProxyGone(f"Look {self.asked} was in vain.")
        if found == LAST:
            self.watch.lost("A request failed.")

    async def _back(self, returned: bool) -> None:
        self.back.append(returned)

    def _give_up(self) -> None:
        self.hopeless += 1

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await _REAL_SLEEP(0)

    def play(self, then: Callable[[], Awaitable[Any]] | None = None) -> None:
        async def live() -> None:
            task = asyncio.create_task(self.watch.run())
            async with asyncio.timeout(10):
                await (then or self.over.wait)()
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(live())


def test_looks_become_rare_while_it_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, [NO] * 8)
    story.play()
    assert story.pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]
    assert story.watch.away == "Look 8 was in vain."


def test_while_it_is_there_nobody_pauses_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, [YES] * 5)
    story.play()
    assert (story.pauses, story.back, story.watch.away) == ([], [False] * 5, None)


def test_one_line_and_one_count_for_each_change(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    story = Story(monkeypatch, [YES, NO, NO, NO, YES, YES, NO, YES])
    story.play()
    assert [record.message for record in caplog.records] == [
        "Look 2 was in vain. Requests go to the embedded router until it is back.",
        "The LiteLLM Proxy at http://proxy is back, and gets the requests again.",
        "Look 7 was in vain. Requests go to the embedded router until it is back.",
        "The LiteLLM Proxy at http://proxy is back, and gets the requests again.",
    ]
    assert story.switches == ["embedded", "proxy"] * 2
    assert story.back == [False, True, False, True], "whether it was away"


def test_what_it_answered_before_it_went_does_not_bring_it_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    story = Story(monkeypatch, [YES, LAST, NO, YES])
    story.play()
    assert [record.message for record in caplog.records] == [
        "A request failed. Requests go to the embedded router until it is back.",
        "The LiteLLM Proxy at http://proxy is back, and gets the requests again.",
    ]
    assert (story.switches, story.back) == (["embedded", "proxy"], [False, True])
    assert story.pauses == [0.25, 0.25], "it gets a moment"


def test_a_request_that_fails_at_one_that_is_away_does_not_keep_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, [NO, LAST])
    story.play()
    assert (story.back, story.watch.away) == ([True], None)


def test_where_nobody_takes_its_place_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    story = Story(monkeypatch, [NO, YES], replaceable=False)
    story.play()
    assert "Requests fail until it is back." in caplog.text
    assert story.switches == ["nowhere", "proxy"]


def test_many_requests_that_fail_are_one_change(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    story = Story(monkeypatch, [])
    for number in range(100):
        story.watch.lost(f"Request {number} failed.")
    assert story.watch.away == "Request 99 failed."
    assert (len(caplog.records), story.switches) == (1, ["embedded"])
    story.watch.found()
    story.watch.found()
    assert (len(caplog.records), story.switches) == (2, ["embedded", "proxy"])
    assert not story.watch.away


@pytest.mark.parametrize(
    ("looks", "times"),
    [
        ([NO, NO], 0),
        ([NO, NO, NO], 1),
        ([NO] * 9, 1),
        ([NO, NO, YES, NO, NO], 0),
        ([NO, NO, NO, YES, NO, NO, NO], 2),
    ],
)
def test_three_looks_in_vain_are_hopeless(monkeypatch: pytest.MonkeyPatch, looks: list[str], times: int) -> None:
    story = Story(monkeypatch, looks)
    story.play()
    assert story.hopeless == times


def test_a_request_that_fails_calls_for_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, [YES, YES])
    # Nobody would live to see the next look.
    monkeypatch.setattr(watch, "_EVERY", 3600)

    async def fail() -> None:
        while len(story.back) < 1:
            await _REAL_SLEEP(0)
        await _REAL_SLEEP(0)
        story.watch.lost("A request failed.")
        while len(story.back) < 2:
            await _REAL_SLEEP(0)

    story.play(fail)
    assert story.pauses == [0.25], "the proxy gets a moment all the same"
    assert story.watch.away is None


def test_one_that_comes_and_goes_is_not_believed_as_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, [YES] * 6)
    losses = iter(range(5))

    async def back(returned: bool) -> None:
        if next(losses, None) is not None:
            story.watch.lost("A request failed.")

    monkeypatch.setattr(story.watch, "_back", back)
    story.play()
    assert story.pauses == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_a_steady_one_is_believed_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_STEADY", -1)
    story = Story(monkeypatch, [NO, NO, NO, YES, NO, NO])
    story.play()
    assert story.pauses == [0.25, 0.5, 1.0, 0.25, 0.5]


def test_it_can_be_watched_in_another_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, [YES] * 3)
    monkeypatch.setattr(watch, "_EVERY", 0.001)
    story.play()
    story.looks += [YES] * 3
    story.over = asyncio.Event()
    story.play()
    assert len(story.back) == 6
