"""The guard: reads Llama Guard's prompt, or a plain chat, and judges by a word list."""

import re
from collections.abc import Sequence

from .lexical import stem, words
from .messages import Message, last_text

WORDS: dict[str, tuple[str, ...]] = {
    "S1": (
        "kill",
        "murder",
        "stab",
        "strangle",
        "behead",
        "assassinate",
        "massacre",
        "poison",
        "kidnap",
        "torture",
    ),
    "S2": (
        "steal",
        "burglary",
        "shoplift",
        "counterfeit",
        "launder money",
        "cocaine",
        "heroin",
        "methamphetamine",
    ),
    "S3": ("rape", "sexual assault", "sex trafficking"),
    "S4": ("child porn", "child abuse"),
    "S5": ("defame", "libel"),
    "S6": ("stop taking insulin",),
    "S7": ("doxx", "social security number", "home address of"),
    "S8": ("keygen", "pirated copy"),
    "S9": ("bomb", "weapon", "explosive", "grenade", "nerve gas", "sarin", "anthrax", "landmine"),
    "S10": ("genocide", "ethnic cleansing", "subhuman"),
    "S11": ("suicide", "self harm", "hurt myself", "kill myself"),
    "S12": ("porn", "pornography"),
    "S13": ("rig the election", "ballot stuffing", "vote twice"),
    "S14": ("malware", "ransomware", "fork bomb", "reverse shell"),
}
"""Words and phrases per category of Llama Guard 3; any form of a word counts, parts of words do not."""

_CONVERSATION = re.compile(r"<BEGIN CONVERSATION>\s*(.*)\s*<END CONVERSATION>", re.S)
_ROLE = re.compile(r"unsafe content in '(\w+)' messages")
_CATEGORY = re.compile(r"^(S\d+): ", re.M)


def guard(messages: Sequence[Message]) -> str:
    """`safe`, or `unsafe` and on a second line the categories, comma-separated: all that Llama Guard says.

    Of Llama Guard's prompt only the last message of the role that it names is judged, and only by the
    categories that it lists; of a plain chat the last message by all.
    """
    prompt = last_text(messages)
    found = _CONVERSATION.search(prompt)
    if not found:
        return _verdict(prompt, list(WORDS))
    head = prompt[: found.start()]
    return _verdict(_last_message(found[1], _ROLE.search(head)), _CATEGORY.findall(head) or list(WORDS))


def _last_message(conversation: str, role: re.Match[str] | None) -> str:
    if not role:
        return conversation
    parts = re.split(rf"(?:\A|\n\n){re.escape(role[1])}: ", conversation)
    return parts[-1]


def _verdict(text: str, categories: Sequence[str]) -> str:
    said = f" {' '.join(stem(word) for word in words(text.replace('-', ' ')))} "
    violated = [
        category
        for category, phrases in WORDS.items()
        if category in categories and any(f" {_stemmed(phrase)} " in said for phrase in phrases)
    ]
    return f"unsafe\n{','.join(violated)}" if violated else "safe"


def _stemmed(phrase: str) -> str:
    return " ".join(stem(word) for word in words(phrase))
