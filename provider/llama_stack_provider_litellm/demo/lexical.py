"""Words, stems and a hashing embedding: all that the demo models know about language."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b

DIMENSION = 256
"""Length of a vector when the caller asks for none."""

_STOPWORDS = """
a about after all also am an and any are as at be been before but by can could did do does done for from
had has have he her here him his how i if in into is it its just let like may me might more most must my
no not of off on once one only onto or our out over own please she should so some such than that the
their them then there these they this those through to too under until up upon us very was we were what
when where which while who whom whose why will with would you your
"""
STOPWORDS = frozenset(_STOPWORDS.split())
"""Words that carry no meaning of their own."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_QUESTION = re.compile(r"^\W*(?:what|who|whom|whose|which|how|where|when|why)\b", re.I)
_SUFFIXES = (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""))


def words(text: str) -> list[str]:
    """The words of `text`, lowercased, in order."""
    return [word.replace("\u2019", "'").removesuffix("'s") for word in _WORD.findall(text.lower())]


def stem(word: str) -> str:
    """A lowercased word without its ending: `saves`, `saving` and `saved` all give `sav`."""
    if len(word) < 4 or not word.isalpha() or word.endswith("ss"):
        return word
    for suffix, mend in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: len(word) - len(suffix)] + mend
            break
    doubled = len(word) > 3 and word[-1] == word[-2] and word[-1] in "bdgmnprt"
    return word[:-1] if doubled else word


def stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, repeats included."""
    return [stem(word) for word in words(text) if word not in STOPWORDS]


def begins_as_question(text: str) -> bool:
    """Whether `text` begins with a question word."""
    return bool(_QUESTION.match(text))


def is_question(text: str) -> bool:
    """Whether `text` ends in a question mark or begins with a question word."""
    return text.rstrip(" \"')\u201d").endswith("?") or begins_as_question(text)


def identifier_stems(name: str) -> set[str]:
    """Stems of an identifier's words: `get_weather`, `getWeather` and `get-weather` give the same two."""
    return {stem(word) for word in words(_CAMEL.sub(" ", name).replace("_", " "))}


def rarity(texts: Iterable[Iterable[str]]) -> dict[str, float]:
    """For each stem that occurs in the texts, a weight that is the higher the fewer texts have it."""
    documents = [set(text) for text in texts]
    counts = Counter(found for document in documents for found in document)
    return {found: math.log(1 + len(documents) / count) for found, count in counts.items()}


def embed(text: str, dimension: int = DIMENSION) -> list[float]:
    """A unit vector of `dimension` floats; the same in every process, near for texts that share words.

    Each stem adds its logarithmic count at a place and with a sign taken from its hash; the letter trigrams
    of each stem add less, so that `colour` is near `colours` and `color`.
    """
    vector = [0.0] * dimension
    for feature, weight in _features(text).items():
        digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest())
        vector[(digest >> 1) % dimension] += weight if digest & 1 else -weight
    norm = math.sqrt(sum(value * value for value in vector))
    if norm == 0:
        return [1.0] + [0.0] * (dimension - 1)
    return [value / norm for value in vector]


def _features(text: str) -> dict[str, float]:
    counts = Counter(words(text))
    features: dict[str, float] = {}
    for word, count in counts.items():
        # Little for "the" and "is": a question and the passage that answers it differ most in those.
        weight = (1 + math.log(count)) * (0.05 if word in STOPWORDS else 1.0)
        root = stem(word)
        features[f"w:{root}"] = features.get(f"w:{root}", 0.0) + weight
        framed = f"^{root}$"
        trigrams = [framed[start : start + 3] for start in range(len(framed) - 2)]
        for trigram in trigrams:
            key = f"t:{trigram}"
            features[key] = features.get(key, 0.0) + 0.7 * weight / math.sqrt(len(trigrams))
    return features
