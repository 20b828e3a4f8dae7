"""Answer from what the tools brought: short ones whole, of long ones the sentences that fit."""

import re
from collections.abc import Sequence

from .lexical import rarity, stems
from .messages import ToolResult
from .plan import SEARCH_TOOLS

SHORT = 60
"""Results of up to this many words are given back whole."""

# What Llama Stack writes around retrieved chunks, and around a chunk's text: `Content: … Metadata: …` from
# the RAG tool, `[1] document_id: …` from file_search.
_WRAPPER = re.compile(
    r"^\s*(?:knowledge_search tool found \d+ chunks:|(?:BEGIN|END) of \w+ tool results\.|Result \d+"
    r"|Metadata: \{.*|\[\d+\] document_id: .*|The above results were retrieved to help answer .*)\s*$",
    re.M,
)
_QUERY_ECHO = re.compile(r"The above results were retrieved to help answer the user's query: .*\Z", re.S)
_HEADING = re.compile(r"^\s*#{1,6}\s+(.+?)\s*#*\s*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'\u201d)]*\s+(?=[^\Wa-z]|[\"'\u201c(`])")
_OWN_LINE = re.compile(r"^\s*(?:[-*+|>]|\d+[.)]\s|```)")


def from_results(question: str, results: Sequence[ToolResult]) -> str:
    """One line per result, in words that are the tools' own."""
    return "\n".join(_from_one(question, result) for result in results)


def main_text(question: str, result: ToolResult) -> str:
    """What of `result` a next tool should work on."""
    return best_sentences(question, unwrap(result.text)) if _is_retrieval(result) else result.text


def unwrap(text: str) -> str:
    """Retrieved text without the lines that Llama Stack puts around it."""
    plain = _WRAPPER.sub("", _QUERY_ECHO.sub("", text))
    return re.sub(r"^\s*Content: ", "\n", plain, flags=re.M).strip()


def best_sentences(question: str, text: str, limit: int = 2) -> str:
    """Up to `limit` sentences that share most telling words with the question; empty when none shares any."""
    ranked = rank_sentences(question, text)
    good = [at for score, at, _ in ranked if score > 0 and score >= 0.75 * ranked[0][0]][:limit]
    found = {at: sentence for _, at, sentence in ranked}
    return " ".join(found[at] for at in sorted(good))


def rank_sentences(question: str, text: str) -> list[tuple[float, int, str]]:
    """Sentences as (score, position, sentence), best first; a heading counts half for those below it."""
    sentences = _sentences(text)
    asked = set(stems(question))
    rare = rarity(stems(sentence) for sentence, _ in sentences)
    scored = []
    for at, (sentence, heading) in enumerate(sentences):
        own, above = asked & set(stems(sentence)), asked & set(stems(heading))
        score = sum(rare[found] for found in own) + 0.5 * sum(rare.get(found, 1.0) for found in above - own)
        scored.append((score, at, sentence))
    return sorted(scored, key=lambda one: (-one[0], one[1]))


def _from_one(question: str, result: ToolResult) -> str:
    if not result.text:
        return f"The tool {result.name} answered nothing."
    if not _is_retrieval(result) and len(result.text.split()) <= SHORT:
        return f"The tool {result.name} answered: {result.text}"
    text = unwrap(result.text)
    if not text:
        return f"The tool {result.name} found nothing."
    if found := best_sentences(question, text):
        return f"The tool {result.name} found: {found}"
    beginning = " ".join(text.split()[:SHORT])
    return f"The tool {result.name} found nothing with the words of the question; its answer begins: {beginning}"


def _is_retrieval(result: ToolResult) -> bool:
    return result.name in SEARCH_TOOLS or bool(_QUERY_ECHO.search(result.text))


def _sentences(text: str) -> list[tuple[str, str]]:
    """Each sentence once, with the heading that it stands under; wrapped lines are joined first."""
    blocks: list[tuple[str, str]] = []
    heading, open_block = "", False
    for line in text.splitlines():
        if found := _HEADING.match(line):
            heading, open_block = found[1], False
        elif not line.strip():
            open_block = False
        elif open_block and not _OWN_LINE.match(line):
            blocks[-1] = (f"{blocks[-1][0]} {line.strip()}", heading)
        else:
            blocks.append((line.strip(), heading))
            open_block = True
    if not blocks and heading:
        blocks = [(heading, "")]
    pieces = [(piece.strip(), above) for block, above in blocks for piece in _SENTENCE_END.split(block)]
    return list(dict.fromkeys(piece for piece in pieces if piece[0].strip("`-*|> ")))
