"""Which sentences of a report speak of what is asked, and what they say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.questions import Asked, vocabulary
from radraft.llm.asking.statements import LIMITED, Stated, denies, stated
from radraft.llm.asking.values import Polarity, Source, SourceSentence
from radraft.reports.findings.concepts import Kind

_ORDER = re.compile(
    r"ignore (?:the|all|previous)|(?:tell|inform) the (?:doctor|clinician"
    r"|user)|\b(?:ai|reader|program|software|assistant"
    r"|model)\b[^.]{0,30}[:：]|"
    r"(?:reply|answer|respond|say|state|write) (?:in every|only|always|that"
    r"|at once|with|in its reply)|人工智能|供ai|ai读取|阅读程序|系统消息"
    r"|系统提示|"
    r"(?:回答|回复)(?:中|时|末尾|任何)|不要告诉|只说|一律|\[ai"
    r"|to any software|忽略(?:以上|其他|前)|system note",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Match:
    """A sentence that speaks of all that is asked after."""

    source: Source
    sentence: SourceSentence
    polarity: Polarity
    same_side: bool = True
    same_spot: bool = True
    sides: frozenset[str] = frozenset()
    limited: bool = False
    measured: bool = True
    """Whether it states the measure asked for."""
    near: int = 0
    """How much of what is asked it names itself."""


def is_order(sentence: SourceSentence) -> bool:
    """Return whether a sentence addresses the machine: it states nothing of the patient."""
    return _ORDER.search(f"{sentence.zh} {sentence.en}") is not None


def matches(asked: Asked, source: Source) -> tuple[Match, ...]:
    """Return the sentences of `source` that speak of what is asked, in reading order."""
    found = []
    for sentence in source.sentences:
        if not is_order(sentence):
            match = _match(asked, source, sentence)
            if match is not None:
                found.append(match)
    return tuple(found)


def related(asked: Asked, source: Source) -> tuple[SourceSentence, ...]:
    """Return sentences that share a finding or a place with the question, best first."""
    scored = []
    for at, sentence in enumerate(source.sentences):
        if is_order(sentence):
            continue
        said = stated(sentence)
        score = sum(any(_speaks(w, one) is not None for one in said) for w in asked.findings)
        score += sum(any(_at(p, one) for one in said) for p in asked.places)
        if score:
            scored.append((-score, at, sentence))
    return tuple(one[2] for one in sorted(scored, key=lambda one: one[:2])[:3])


def _match(asked: Asked, source: Source, sentence: SourceSentence) -> Match | None:
    said = stated(sentence)
    text = f"{sentence.zh} {sentence.en}"
    measured = all(lexicon().measured[m].search(text) for m in asked.measures)
    limited = LIMITED.search(text.lower()) is not None
    if not asked.findings:
        return _by_place(asked, source, sentence, said, limited) if measured else None
    whole = frozenset(p for one in said for p in one.places)
    spots = frozenset(s for one in said for s in one.spots)
    # What a sentence on one lesion denies, it denies of that lesion.
    alone = not any(one.concepts and one.polarity is Polarity.PRESENT for one in said)
    bearing: list[tuple[Polarity, Stated]] = []
    for word in asked.findings:
        here = [
            (polarity, one)
            for one in said
            if (polarity := _speaks(word, one, asked.spots & spots)) is not None
            and _fits(asked, one, polarity, whole, source, alone)
        ]
        if not here:
            general = [
                (Polarity.ABSENT, one)
                for one in said
                if one.concepts & {"normal", "removed"} and _covers(asked, word, one)
            ]
            if not general and limited:
                general = [
                    (Polarity.UNCERTAIN, one)
                    for one in said
                    if asked.places and any(_at(p, one) for p in asked.places)
                ]
            if not general and asked.any_of:
                continue
            if not general:
                return None
            here = general
        bearing.append(_strongest(asked, here))
    if not bearing:
        return None
    polarity = _all(tuple(one[0] for one in bearing), asked.any_of)
    sides = frozenset(s for _, one in bearing for s in one.sides)
    near = sum(any(_at(p, one) for _, one in bearing) for p in asked.places)
    return Match(
        source,
        sentence,
        polarity,
        _same_side(asked, sides),
        _same_spots(asked, frozenset(s for one in said for s in one.spots)),
        sides,
        limited,
        measured or polarity is Polarity.ABSENT,
        near,
    )


def literal(asked: Asked, source: Source) -> tuple[Match, ...]:
    """Return the sentences in which the unknown words of a question stand, or those of the findings
    that it names by other words."""
    found = []
    names = vocabulary().question(asked.text).names
    subjects = vocabulary().of_kind(names, Kind.FINDING, Kind.DEVICE)
    for sentence in source.sentences:
        if is_order(sentence):
            continue
        text = f"{sentence.zh} {sentence.en}".lower()
        there = bool(asked.unknown) and all(_stands(word, text) for word in asked.unknown)
        if not there and subjects:
            there = all(
                any(s in vocabulary().lineage(name) for name in _named(sentence)) for s in subjects
            )
        if there:
            said = stated(sentence)
            sides = frozenset(s for one in said for s in one.sides)
            polarity = Polarity.ABSENT if denies(sentence) else Polarity.PRESENT
            if any(one.polarity is Polarity.UNCERTAIN for one in said):
                polarity = Polarity.UNCERTAIN
            spots = frozenset(s for one in said for s in one.spots)
            found.append(
                Match(
                    source,
                    sentence,
                    polarity,
                    _same_side(asked, sides),
                    _same_spots(asked, spots),
                    sides,
                )
            )
    return tuple(found)


@lru_cache(maxsize=4096)
def _named(sentence: SourceSentence) -> frozenset[str]:
    return vocabulary().sentence(sentence.zh, sentence.en).names


def _stands(word: str, text: str) -> bool:
    if word.isascii():
        stem = re.sub(r"(?<=[a-z]{4})(?:e?s|ed|ing|e)$", "", word)
        return re.search(rf"\b{re.escape(stem)}", text) is not None
    # Of a run of characters the half that says most.
    return (
        any(word[at : at + 2] in text for at in range(len(word) - 1))
        if len(word) > 2
        else word in text
    )


def _by_place(
    asked: Asked, source: Source, sentence: SourceSentence, said: tuple[Stated, ...], limited: bool
) -> Match | None:
    spots = frozenset(s for one in said for s in one.spots)
    here = [one for one in said if all(_at(place, one) for place in asked.places)]
    if asked.spots and not asked.places:
        here = list(said) if asked.spots & spots else []
    if asked.places and not here:
        here = [
            one for one in said
            if "normal" in one.concepts and all(_within(p, one) for p in asked.places)
        ]  # fmt: skip
    if not asked.places and not asked.spots:
        here = list(said) if asked.measures else []
    if not here:
        return None
    findings = [one for one in here if one.concepts]
    found = {one.polarity for one in findings} or {Polarity.PRESENT}
    polarity = (
        Polarity.PRESENT if Polarity.PRESENT in found
        else Polarity.UNCERTAIN if Polarity.UNCERTAIN in found
        else Polarity.ABSENT
    )  # fmt: skip
    sides = frozenset(s for one in here for s in one.sides)
    return Match(
        source,
        sentence,
        polarity,
        _same_side(asked, sides),
        _same_spots(asked, spots),
        sides,
        limited,
        True,
        1,
    )


def _speaks(
    word: frozenset[str], one: Stated, shared: frozenset[str] = frozenset()
) -> Polarity | None:
    """What a statement says of a word of the question; None where it says nothing of it. `shared`:
    levels that both name, by which a tumour may be called a lesion."""
    words = lexicon()
    for concept in one.concepts:
        if word & words.lineage(concept):
            return one.polarity
        if one.polarity is Polarity.ABSENT and any(concept in words.lineage(w) for w in word):
            return Polarity.ABSENT
        if (
            one.polarity is Polarity.ABSENT
            and concept in _LESIONS
            and word & _LESIONS
            and one.places
        ):
            return Polarity.ABSENT
        if shared and words.lineage(concept) & _LESIONS and word & _LESIONS:
            return one.polarity
    return None


_LESIONS = frozenset(
    ["lesion", "mass", "nodule", "tumour", "cancer", "metastasis", "hcc", "adenoma"]
)


def _fits(
    asked: Asked,
    one: Stated,
    polarity: Polarity,
    whole: frozenset[str],
    source: Source,
    alone: bool,
) -> bool:
    """Return whether a statement may be about the places of the question. One that names no place
    is about what its sentence, or else the examination, is about."""
    if not asked.places:
        return True
    if asked.findings and all(word & lexicon().devices for word in asked.findings):
        return True
    places = one.places or whole
    if not places:
        if polarity is Polarity.ABSENT and alone is False:
            return False
        regions = about(source.about)
        return polarity is Polarity.ABSENT or all(
            place in _LOOSE or any(place in lexicon().lineage(region) for region in regions)
            or any(region in lexicon().lineage(place) for region in regions & _WHOLE)
            for place in asked.places
        )  # fmt: skip
    return all(
        any(place in lexicon().lineage(stands) for stands in places)
        or (
            polarity is Polarity.ABSENT
            and any(stands in lexicon().lineage(place) for stands in places)
        )
        or place in _LOOSE
        for place in asked.places
    )


@cache
def about(text: str) -> frozenset[str]:
    """Return the places that a description of an examination names."""
    words = lexicon()
    return frozenset(c for word in words.find(text) for c in word.concepts if c in words.places)


_WHOLE = frozenset({"chest", "head"})
_LOOSE = frozenset({"joint", "bone", "soft_tissue"})
"""Places that much of a report lies in: that a sentence names another says little."""


def _at(place: str, one: Stated) -> bool:
    return any(place in lexicon().lineage(stands) for stands in one.places)


def _within(place: str, one: Stated) -> bool:
    return any(stands in lexicon().lineage(place) for stands in one.places)


_OF_LUNG = frozenset(
    [
        "opacity",
        "consolidation",
        "pneumonia",
        "nodule",
        "mass",
        "lesion",
        "ggo",
        "ggn",
        "tb",
        "infection",
        "inflammation",
        "atelectasis",
        "cavity",
        "tumour",
        "cancer",
        "abscess",
    ]
)


_BESIDE_CLEAR_LUNGS = frozenset({"emphysema", "bulla", "fibrosis", "calcification", "thickening"})
"""What lungs may show that a report calls clear or normal: it had no consolidation in mind."""


def _covers(asked: Asked, word: frozenset[str], one: Stated) -> bool:
    """Return whether that a place is normal says that `word` is not there."""
    if word & _BESIDE_CLEAR_LUNGS and "lung" in one.places:
        return False
    if asked.places:
        return all(_at(place, one) or _within(place, one) for place in asked.places)
    return bool(word & _OF_LUNG) and "lung" in one.places


def _strongest(asked: Asked, here: list[tuple[Polarity, Stated]]) -> tuple[Polarity, Stated]:
    order = {Polarity.PRESENT: 0, Polarity.UNCERTAIN: 1, Polarity.ABSENT: 2}
    # What is said of the side and the place asked for goes first.
    return min(
        here,
        key=lambda item: (
            not _same_side(asked, item[1].sides),
            not any(_at(p, item[1]) for p in asked.places),
            order[item[0]],
        ),
    )


def _all(found: tuple[Polarity, ...], any_of: bool) -> Polarity:
    if any_of and Polarity.PRESENT in found:
        return Polarity.PRESENT
    if Polarity.ABSENT in found:
        return Polarity.ABSENT
    return Polarity.UNCERTAIN if Polarity.UNCERTAIN in found else Polarity.PRESENT


def _same_side(asked: Asked, sides: frozenset[str]) -> bool:
    if not asked.sides or not sides or "bilateral" in asked.sides:
        return True
    return bool(asked.sides & sides) or "bilateral" in sides


def _same_spots(asked: Asked, spots: frozenset[str]) -> bool:
    for kind in {spot.partition(":")[0] for spot in asked.spots}:
        wanted = {s for s in asked.spots if s.startswith(kind + ":")}
        here = {s for s in spots if s.startswith(kind + ":")}
        if here and not wanted & here:
            return False
    return True
