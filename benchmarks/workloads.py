"""What the contenders are asked to do: each of these does it once, and returns how long it took, in seconds."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import aiohttp

from benchmarks.contenders import Target
from benchmarks.upstream import CHUNKS, DIMENSION, TEXTS

QUESTION = [{"role": "user", "content": "What is the capital of France, and on which river is it?"}]
SOME_TEXTS = [f"text number {number}" for number in range(TEXTS)]
RAG_CHUNKS = 500
_WORDS_PER_CHUNK = 100
_TOOL = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Failed(Exception):
    """A contender has answered with an error."""


class Asking:
    """Asks one contender. Use it as ``async with``."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def __aenter__(self) -> Asking:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
            headers={"Authorization": f"Bearer {self.target.key}"},
            timeout=aiohttp.ClientTimeout(total=120),
            read_bufsize=2**20,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def chat(self) -> float:
        """A chat of a few words."""
        began = time.perf_counter()
        await self._post("/chat/completions", {"model": self.target.chat, "messages": QUESTION})
        return time.perf_counter() - began

    async def stream(self) -> tuple[float, float]:
        """A streamed chat: seconds to the first chunk with text, and from there to the end for each chunk."""
        body = {"model": self.target.chat, "messages": QUESTION, "stream": True}
        began, first, seen = time.perf_counter(), 0.0, 0
        async with self._session.post(f"{self.target.url}/chat/completions", json=body) as response:
            await self._check(response)
            async for line in response.content:
                if b'"word' in line:
                    seen += 1
                    first = first or time.perf_counter()
        if seen != CHUNKS:
            raise Failed(f"{self.target.name}: {seen} chunks instead of {CHUNKS}")
        return first - began, (time.perf_counter() - first) / (CHUNKS - 1)

    async def embeddings(self) -> float:
        """Vectors of many texts, as the OpenAI client asks for them."""
        began = time.perf_counter()
        await self._embed(self.target.embedding, SOME_TEXTS)
        return time.perf_counter() - began

    async def batches(self) -> float:
        """The same of a vendor that takes fewer in a request, and answers in numbers. Whoever asks it directly sends
        the batches at once."""
        assert self.target.batches is not None
        model, size = self.target.batches
        form = "base64" if self.target.is_stack else "float"
        began = time.perf_counter()
        parts = (SOME_TEXTS[start : start + size] for start in range(0, TEXTS, size))
        await asyncio.gather(*(self._embed(model, part, form) for part in parts))
        return time.perf_counter() - began

    async def _embed(self, model: str, texts: list[str], form: str = "base64") -> None:
        body = {"model": model, "input": texts, "encoding_format": form}
        answer = json.loads(await self._post("/embeddings", body))
        if len(answer["data"]) != len(texts):
            raise Failed(f"{self.target.name}: {len(answer['data'])} embeddings instead of {len(texts)}")

    async def agent_turn(self) -> float:
        """A turn of an agent with one tool call: what it wants to call, and what it says to the result."""
        began = time.perf_counter()
        ask: dict[str, Any] = {"model": self.target.chat, "tools": [_TOOL], "stream": False}
        said: dict[str, Any] = {"role": "user", "content": "What is the weather in Paris?", "type": "message"}
        first = json.loads(await self._post("/responses", {**ask, "input": [said]}))
        (call,) = [item for item in first["output"] if item["type"] == "function_call"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "Rain."}
        known = {key: call[key] for key in ("type", "call_id", "name", "arguments")}
        await self._post("/responses", {**ask, "input": [said, known, result]})
        return time.perf_counter() - began

    async def rag(self) -> tuple[float, float]:
        """Insert a document of many chunks into a new vector store, then search it once."""
        file = await self._file()
        name = f"store-{uuid.uuid4()}"
        more = {"embedding_model": self.target.embedding, "embedding_dimension": DIMENSION, "provider_id": "faiss"}
        store = json.loads(await self._post("/vector_stores", {"name": name, **more}))["id"]
        began = time.perf_counter()
        strategy = {"type": "static", "static": {"max_chunk_size_tokens": _WORDS_PER_CHUNK, "chunk_overlap_tokens": 0}}
        attached = await self._post(f"/vector_stores/{store}/files", {"file_id": file, "chunking_strategy": strategy})
        if json.loads(attached)["status"] != "completed":
            raise Failed(f"{self.target.name}: {attached[:1000]!r}")
        inserted = time.perf_counter()
        found = json.loads(
            await self._post(f"/vector_stores/{store}/search", {"query": "word 7", "max_num_results": 5})
        )
        if len(found["data"]) != 5:
            raise Failed(f"{self.target.name}: {found}")
        return inserted - began, time.perf_counter() - inserted

    async def _file(self) -> str:
        text = " the" * (_WORDS_PER_CHUNK * RAG_CHUNKS)
        form = aiohttp.FormData({"purpose": "assistants"})
        form.add_field("file", text.encode(), filename="document.txt", content_type="text/plain")
        async with self._session.post(f"{self.target.url}/files", data=form) as response:
            await self._check(response)
            return str((await response.json())["id"])

    async def _post(self, path: str, body: dict[str, Any]) -> bytes:
        async with self._session.post(self.target.url + path, json=body) as response:
            await self._check(response)
            return await response.read()

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != 200:
            raise Failed(f"{self.target.name}: {response.status} {(await response.text())[:1000]}")
