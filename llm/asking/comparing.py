"""Whether a question compares with before, and whether anything says how it was before."""

from __future__ import annotations

import re
from collections.abc import Iterable

from radraft.llm.asking.premises import changes
from radraft.llm.asking.questions import Asked
from radraft.llm.asking.values import Kind, SourceSentence

_OVER_TIME = re.compile(
    r"较前|比(?:上|去|之前|以前|前|原来|出院|术|刚|\d|[一二两三四五六七八九十]{1,2}(?:年|个?月|周|天))"
    r"|[跟和与同].{1,14}比|变化|(?<!突)变了|进展|长了没|越来越|over time|\bgrown\b|\bbigger\b"
    r"|\blarger\b|progress|\bsince (?:the )?(?:last|previous|prior|first|20\d\d|admission|then)"
    r"|\bthan (?:last|before|on|in|the)\b|compared|\bchanged\b|(?:any|what|which|no) change"
    r"|any different",
    re.IGNORECASE,
)
_KINDS = frozenset({Kind.CHANGE, Kind.SIZE, Kind.SERIES})
_BEFORE = re.compile(
    r"前次|上次|原(?:有|来|片)|旧片|较|比|同前|如前|随访|复查(?!时间)|previous|\bprior\b|before|earlier|compar"
    r"|\bsince\b|as on|again|20\d\d",
    re.IGNORECASE,
)


def compares_in_vain(asked: Asked, priors: int, quoted: Iterable[SourceSentence]) -> bool:
    """Return whether a question asks how something has changed where no earlier report is there
    and no sentence of `quoted` says how it was before."""
    if priors or asked.change in ("resolved", "new"):
        return False
    if asked.kind not in _KINDS and not (asked.compares and asked.when.named):
        return False
    if _OVER_TIME.search(asked.text) is None:
        return False
    texts = (f"{one.zh} {one.en}" for one in quoted)
    return not any(changes(text) or _BEFORE.search(text) for text in texts)
