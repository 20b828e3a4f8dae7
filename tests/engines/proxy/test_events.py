"""Server-sent events, cut anywhere."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_stack_provider_litellm.engines.proxy import events
from llama_stack_provider_litellm.engines.proxy.events import Decoder, EventTooLong

ENDS = ("\n", "\r\n", "\r")
TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
NOISE = ["", ": keep-alive", ":", "event: message", "id: 7", "retry: 10", "nonsense", " data: indented"]


def decoded(*pieces: bytes) -> list[bytes]:
    decoder = Decoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[start:end] for start, end in itertools.pairwise(marks)]


@given(
    st.lists(st.tuples(st.lists(TEXT, min_size=1, max_size=3), st.booleans(), st.sampled_from(NOISE)), max_size=6),
    st.lists(st.sampled_from(ENDS), min_size=1, max_size=7),
    st.lists(st.integers(0, 10_000), max_size=20),
)
def test_any_stream_cut_anywhere(
    written: list[tuple[list[str], bool, str]], ends: list[str], places: list[int]
) -> None:
    expected, lines = [], []
    for data, spaced, noise in written:
        if noise:
            lines.append(noise)
        lines += [f"data: {line}" if spaced or line.startswith(" ") else f"data:{line}" for line in data]
        lines.append("")
        expected.append("\n".join(data).encode())
    text, end = "", ""
    for number, line in enumerate(lines):
        # An empty line's feed after a return would be a part of the end of the line before.
        returned = end == "\r" and not line
        end = "\r" if returned and ends[number % len(ends)] == "\n" else ends[number % len(ends)]
        text += line + end
    raw = text.encode()
    assert decoded(*cut(raw, places)) == decoded(raw) == expected


@pytest.mark.parametrize("end", [end.encode() for end in ENDS])
def test_each_line_end_byte_by_byte(end: bytes) -> None:
    raw = end.join([b"data: one", b"", b": comment", b"data: two", b"data: lines", b"", b"data: [DONE]", b"", b""])
    pieces = [raw[at : at + 1] for at in range(len(raw))]
    assert decoded(*pieces) == decoded(raw) == [b"one", b"two\nlines", b"[DONE]"]


def test_an_event_is_there_as_soon_as_it_is_complete() -> None:
    decoder = Decoder()
    assert list(decoder.feed(b"data: one\r\n\r")) == [b"one"]
    assert list(decoder.feed(b"\ndata: two\n")) == []
    assert list(decoder.feed(b"\n")) == [b"two"]


def test_a_character_may_be_cut() -> None:
    snow = "snow ☃".encode()
    assert decoded(b"data: " + snow[:-1], snow[-1:], b"\n\n") == [snow]


def test_an_unfinished_event_is_none() -> None:
    assert decoded(b"data: one\n\ndata: two\n") == [b"one"]


@pytest.mark.parametrize("line", [b"data: " + b"a" * 64, b"a" * 64, b"data: a\n" * 64])
def test_an_event_without_an_end_is_refused(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_BYTES", 1000)
    with pytest.raises(EventTooLong):
        decoded(*[line] * 100)


def test_a_long_stream_of_short_events_and_comments_is_no_long_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_BYTES", 1000)
    decoder = Decoder()
    assert [event for _ in range(500) for event in decoder.feed(b": keep-alive\ndata: one\n\n")] == [b"one"] * 500


def test_a_large_event_in_small_pieces_is_read_at_once() -> None:
    raw = b"data: " + b"a" * 2**22 + b"\n\n"
    began = time.perf_counter()
    assert len(decoded(*(raw[at : at + 4096] for at in range(0, len(raw), 4096)))) == 1
    assert time.perf_counter() - began < 2
