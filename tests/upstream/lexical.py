"""Meaning by words: embeddings, overlap scores and the sentences that answer a question.

Everything is computed from the words alone and is the same on every machine, so a test can say
which of two texts is nearer before it asks.
"""

from __future__ import annotations

import hashlib
import math
import re

DIMENSION = 64
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by did do does for from has have how i in is it its me my of on or that the "
        "their this to was we were what when where which who why will with you your",
    )
)
# What llama-stack writes around retrieved chunks (agents: rag/memory.py, responses: tool_executor.py).
# The closing line repeats the question and would win every comparison.
_WRAPPING = re.compile(
    r"(knowledge_search tool found|(BEGIN|END) of |Result:? \d+$|Metadata:|\[\d+\] document_id:"
    r"|The above results were retrieved)"
)


def terms(text: str) -> list[str]:
    """The words that carry meaning: lower case, no stop words, plural s removed."""
    words = (w for w in re.findall(r"\w+", text.lower()) if w not in _STOP)
    return [w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words]


def embed(text: str, dimension: int = DIMENSION) -> list[float]:
    """A unit vector of `dimension` floats; texts that share words point the same way.

    Each word adds +1 or -1 at four places taken from its SHA-256, which keeps one unlucky collision
    from deciding a comparison.
    """
    vector = [0.0] * dimension
    for word in terms(text) or re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for k in range(0, 20, 5):
            place = int.from_bytes(digest[k : k + 4], "big") % dimension
            vector[place] += 1.0 if digest[k + 4] & 1 else -1.0
    norm = math.sqrt(sum(x * x for x in vector))
    if norm == 0.0:
        return [1.0] + [0.0] * (dimension - 1)
    return [x / norm for x in vector]


def overlap(query: str, document: str) -> float:
    """The share, 0 to 1, of the query's words that occur in the document."""
    wanted = set(terms(query))
    return len(wanted & set(terms(document))) / len(wanted) if wanted else 0.0


def best_sentences(question: str, retrieved: str) -> str:
    """The sentences of `retrieved` that share the most words with `question`; ties are all given."""
    wanted = set(terms(question))
    scores: dict[str, int] = {}
    for raw in retrieved.splitlines():
        line = raw.strip()
        if _WRAPPING.match(line):
            continue
        for sentence in re.split(r"(?<=[.!?])\s+", line.removeprefix("Content: ")):
            scores[sentence] = len(wanted & set(terms(sentence)))
    top = max(scores.values(), default=0)
    return " ".join(s for s, score in scores.items() if score == top) if top else "nothing"
