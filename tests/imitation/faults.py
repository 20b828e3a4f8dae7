"""How an answer goes wrong: the parts that are sent, and what stands in place of an answer."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator

from . import errors
from .directives import Directives
from .wire import Reply

MEGABYTE = 1_000_000
_BLANKS = b" " * 65536
_PAUSE = 0.05
_EVENTS_BEFORE_AN_ERROR = 3


def in_place(reply: Reply, said: Directives, model: str) -> Reply:
    """What the directives put in place of `reply`, or `reply`."""
    if "error" in said:
        return errors.vendor(said, model)
    if "gone" in said:
        return errors.gone(int(said["gone"]))
    if "crash" in said:
        return errors.crash()
    return errors.html() if "html" in said else reply


def whole(reply: Reply) -> Iterator[bytes]:
    """An answer without a fault as it is sent, in parts."""
    if isinstance(reply.body, bytes):
        yield b"%bcontent-length: %d\r\n\r\n%b" % (reply.head, len(reply.body), reply.body)
        return
    yield reply.head + b"transfer-encoding: chunked\r\n\r\n"
    for part in reply.body:
        yield _chunk(b"data: %b\n\n" % part if reply.stream else part)
    yield b"0\r\n\r\n"


async def parts(reply: Reply, said: Directives) -> AsyncIterator[bytes]:
    """An answer with its faults as it is sent, up to those of the line itself."""
    if "hang" in said:
        await _never()
    if "slow" in said and not reply.stream:
        await asyncio.sleep(_PAUSE * int(said["slow"]))
    if "gzip" in said:
        reply = reply._replace(head=reply.head + b"content-encoding: gzip\r\n")
    head = b"".join((reply.head, *_more_headers(said)))
    if isinstance(reply.body, bytes) and "big" not in said:
        body = gzip.compress(reply.body) if "gzip" in said else reply.body
        yield b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
        yield body[: len(body) // 2] if "short" in said else body
        return
    yield head + b"transfer-encoding: chunked\r\n\r\n"
    packer = zlib.compressobj(wbits=31) if "gzip" in said else None
    async for part in _unframed(reply, said):
        yield _chunk(packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) if packer else part)
    if packer:
        yield _chunk(packer.flush())
    if "short" not in said:
        yield b"0\r\n\r\n"


async def _unframed(reply: Reply, said: Directives) -> AsyncIterator[bytes]:
    """The body of an answer in parts."""
    if isinstance(reply.body, bytes) or not reply.stream:
        body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        for part in _padded(body, said.get("big")):
            yield part
    else:
        async for part in _stream(reply.body, said):
            yield part


async def _stream(body: Iterable[bytes], said: Directives) -> AsyncIterator[bytes]:
    """The text of a stream; an event is one part, a huge one several."""
    end = b"\r\n\r\n" if "crlf" in said else b"\n\n"
    events, slow = _events(body, said)
    for number, event in enumerate(events):
        if number == int(said.get("hang-after", -1)):
            await _never()
        if number in slow:
            await asyncio.sleep(_PAUSE)
        if "crlf" in said:
            yield b": keep-alive\r\n\r\n"
        blocks = list(_padded(_lines(event, said), said.get("big-event") if number == 0 else None))
        blocks[0] = b"data: " + blocks[0]
        blocks[-1] += end
        for block in blocks:
            yield block
    if "hang-after" in said:
        await _never()


def _events(body: Iterable[bytes], said: Directives) -> tuple[list[bytes], range]:
    """The data of a stream's events, and before which of them there is a pause."""
    events = list(body)
    finish = next(number for number, event in enumerate(events) if b'"finish_reason":' in event)
    slow = range(finish - int(said.get("slow", 0)), finish)
    if "stream-error" in said:
        events = [*events[:_EVENTS_BEFORE_AN_ERROR], errors.in_stream(said["stream-error"])]
    if "no-done" in said or "short" in said:
        events = [event for event in events if event != b"[DONE]"]
    if "big" in said:
        events[1:1] = [events[1][:1] + _BLANKS + events[1][1:]] * _blocks(said["big"])
    return events, slow


def _padded(body: bytes, megabytes: str | None) -> Iterator[bytes]:
    """`body`, with so many blanks after its first byte; JSON and HTML allow them."""
    if megabytes is None:
        yield body
        return
    yield body[:1]
    yield from itertools.repeat(_BLANKS, _blocks(megabytes))
    yield body[1:]


def _blocks(megabytes: str) -> int:
    return -(-int(megabytes) * MEGABYTE // len(_BLANKS))


def _lines(event: bytes, said: Directives) -> bytes:
    """The event in several lines, if it shall be: the client puts line breaks between them, which JSON allows."""
    if "multi" not in said:
        return event
    # Not more of them: a comma and a quotation mark may be the end of a text too.
    return event.replace(b',"', b',\r\ndata: "' if "crlf" in said else b',\ndata: "', 2)


def _more_headers(said: Directives) -> Iterator[bytes]:
    for number in range(int(said.get("headers", 0))):
        yield b"x-more-%d: of the flood\r\n" % number
    if "header" in said:
        yield b"x-long: %b\r\n" % (b"a" * (MEGABYTE * int(said["header"])))


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
