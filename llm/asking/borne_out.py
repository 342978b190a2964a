"""Whether what a model worded is borne out by the sentences that it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.places import sides_of, spots_of
from radraft.llm.asking.questions import language
from radraft.llm.asking.reading import Stated, stated
from radraft.llm.asking.values import Polarity, SourceSentence
from radraft.reports.characters import refused
from radraft.reports.findings.extract import extract
from radraft.reports.values import LANGS, Certainty, Lang, Sentence

ANSWER_CHARS = 600


def borne_out(
    wording: str, lang: Lang, cited: Sequence[Sentence], polarity: Polarity | None
) -> bool:
    """Return whether every clause of `wording` says what a cited sentence says: findings with their
    polarity, places, sides, levels and numbers, in the language that was asked in; and whether it
    says any of these at all."""
    if not wording.strip() or len(wording) > ANSWER_CHARS or any(refused(wording)):
        return False
    if language(wording) != lang:
        return False
    sources = [SourceSentence(s.id, s.zh, s.en) for s in cited]
    ground = " ".join(f"{s.zh} {s.en}" for s in sources)
    own = SourceSentence("", wording if lang == "zh" else "", wording if lang == "en" else "")
    known = [one for source in sources for one in stated(source)]
    return (
        _says(own, wording)
        and _numbers(wording) <= _numbers(ground)
        and sides_of(wording) <= frozenset(side for s in sources for side in _sides(s))
        and spots_of(wording) <= spots_of(ground)
        and _words_hold(own, known)
        and _mentions_hold(wording, lang, sources)
        and not _opposite(wording, polarity)
    )


def _says(own: SourceSentence, wording: str) -> bool:
    text = wording.strip()
    return (
        bool(_numbers(text) or sides_of(text) or spots_of(text))
        or any(one.concepts or one.places for one in stated(own))
        or any(found.search(text) is not None for found in (_YES, _NO))
    )


def _sides(sentence: SourceSentence) -> frozenset[str]:
    return sides_of(sentence.zh) | sides_of(sentence.en)


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def _words_hold(own: SourceSentence, stands: Sequence[Stated]) -> bool:
    for said in stated(own):
        for concept in said.concepts:
            same = [o for o in stands if any(concept in lexicon().lineage(c) for c in o.concepts)]
            if not any(
                o.polarity is said.polarity
                and (not said.sides or not o.sides or said.sides & o.sides)
                for o in same
            ):
                return False
        places = frozenset(p for o in stands for p in o.places)
        if not all(any(p in lexicon().lineage(s) for s in places) for p in said.places):
            return False
    return True


def _mentions_hold(wording: str, lang: Lang, sources: Sequence[SourceSentence]) -> bool:
    stands: set[tuple[str, Certainty]] = set()
    for source in sources:
        for one in LANGS:
            text = source.zh if one == "zh" else source.en
            stands |= {(m.code, m.polarity) for m in extract(text, one)}
    return all((m.code, m.polarity) in stands for m in extract(wording, lang))


_YES = re.compile(r"^(?:是(?!否)|有|yes\b)", re.IGNORECASE)
_NO = re.compile(r"^(?:否|没有|无|不|no\b)", re.IGNORECASE)


def _opposite(wording: str, polarity: Polarity | None) -> bool:
    text = wording.strip()
    if polarity is Polarity.ABSENT:
        return _YES.search(text) is not None
    return polarity is Polarity.PRESENT and _NO.search(text) is not None
