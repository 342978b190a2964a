"""Which sentences of a report a question is about, and what it asks that none of them says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from radraft.llm.sentences import SentenceEncoder
from radraft.reports.findings.concepts import Kind, Reading, Vocabulary
from radraft.reports.values import Report, Section, Sentence

SUBJECTS = (Kind.FINDING, Kind.DEVICE, Kind.TOPIC)
LISTS = re.compile(r"\b(or|and)\b|[,，、或和及与]|还是")
ENDING = re.compile(r"(?<=[a-z]{4})(?:e?s|ed|ing|e)$")
"""Endings of English words that are not looked for: "advanced" stands in "advancing"."""
CITED = 3
"""Most sentences one answer cites."""
NEAREST = 3
"""Most sentences shown where none answers."""


@dataclass(frozen=True)
class Relevant:
    """What the guard lets through."""

    sentences: tuple[Sentence, ...] = ()
    """Best first. Empty: the report does not say."""
    scores: tuple[float, ...] = field(default=())
    """Cosine of question and sentence, -1 to 1."""
    unsaid: tuple[str, ...] = ()
    """Concepts that the question names and no sentence does, when others are answered."""


@dataclass(frozen=True)
class _Said:
    sentence: Sentence
    section: Section
    names: frozenset[str]


def relevant(
    question: str,
    report: Report,
    *,
    vocabulary: Vocabulary,
    sentences: SentenceEncoder,
    earlier: Sequence[str] = (),
) -> Relevant:
    """Return the sentences of `report` that may answer `question`, best first.

    First the guard, by rule: a sentence must speak of every part of what is asked (its subject or a
    more general one, its side, its anatomy, the attribute asked for). Words that are neither known
    concepts nor function words must stand in it. Then the ranking, by embedding. `earlier` are the
    questions before this one, oldest first: one without a subject takes the last subject.
    """
    said = _said(report, vocabulary)
    reading, context = _with_context(vocabulary.question(question), earlier, vocabulary)
    said = [s for s in said if _has_words(reading.rest, s.sentence)]
    subjects = vocabulary.of_kind(reading.names, *SUBJECTS)
    found: dict[str, _Said] = {}
    unsaid: list[str] = []
    fitting = [s for s in said if _fits(reading.names, s.names, vocabulary)]
    for group in _groups(_alternatives(reading, vocabulary), question):
        matching = [
            s for s in fitting
            if all(any(_speaks_of(name, s.names, vocabulary) for name in word) for word in group)
        ]  # fmt: skip
        if not matching:
            unsaid += [min(word) for word in group]
        found |= {s.sentence.id: s for s in matching}
    if not subjects:
        found = {s.sentence.id: s for s in _without_subject(reading, said, vocabulary)}
    if not found:
        return Relevant()
    return _ranked(f"{context} {question}".strip(), list(found.values()), unsaid, sentences)


def nearest(
    question: str,
    report: Report,
    *,
    vocabulary: Vocabulary,
    sentences: SentenceEncoder,
    earlier: Sequence[str] = (),
) -> tuple[Sentence, ...]:
    """Return the sentences of `report` that lie nearest to `question`, for where none answers it.

    Those that speak of most of what it names, and among these the nearest by embedding.
    """
    said = _said(report, vocabulary)
    if not said:
        return ()
    reading, context = _with_context(vocabulary.question(question), earlier, vocabulary)
    named = vocabulary.of_kind(reading.names, *SUBJECTS, Kind.ANATOMY)
    scores = _cosines(f"{context} {question}".strip(), said, sentences)
    shared = [sum(_speaks_of(name, s.names, vocabulary) for name in named) for s in said]
    order = sorted(range(len(said)), key=lambda index: (-shared[index], -scores[index]))
    return tuple(said[index].sentence for index in order[:NEAREST])


def _alternatives(reading: Reading, vocabulary: Vocabulary) -> list[frozenset[str]]:
    """Return the subjects word by word: a word of several kinds asks about any of them."""
    found = {vocabulary.of_kind(word, *SUBJECTS) for word in reading.words}
    special = {word - _more_general(word, vocabulary) for word in found if word}
    return sorted(special, key=sorted)


def _more_general(names: frozenset[str], vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset[str]().union(*(vocabulary.lineage(name) - {name} for name in names))


def _groups(words: list[frozenset[str]], question: str) -> list[list[frozenset[str]]]:
    """Return the subjects one by one where the question lists them, else all to be met by one
    sentence."""
    if LISTS.search(question.lower()):
        return [[word] for word in words]
    return [words] if words else []


def _said(report: Report, vocabulary: Vocabulary) -> list[_Said]:
    found = []
    for section, part in (
        (Section.FINDINGS, report.findings),
        (Section.IMPRESSION, report.impression),
    ):
        for sentence in part:
            names = set(vocabulary.sentence(sentence.zh, sentence.en).names)
            if sentence.laterality is not None:
                names.add(sentence.laterality.value)
            found.append(_Said(sentence, section, frozenset(names)))
    return found


def _with_context(
    reading: Reading, earlier: Sequence[str], vocabulary: Vocabulary
) -> tuple[Reading, str]:
    """`reading` with the last earlier subject where it has none of its own."""
    own = vocabulary.of_kind(reading.names, *SUBJECTS, Kind.ANATOMY, Kind.SECTION)
    asks = vocabulary.of_kind(reading.names, Kind.ATTRIBUTE, Kind.SIDE)
    if own or not asks:
        return reading, ""
    for question in reversed(earlier):
        names = vocabulary.of_kind(vocabulary.question(question).names, *SUBJECTS, Kind.ANATOMY)
        if names:
            words = (*reading.words, *(frozenset({name}) for name in names))
            return Reading(reading.names | names, reading.rest, words), question
    return reading, ""


def _has_words(words: Sequence[str], sentence: Sentence) -> bool:
    """Return whether a sentence holds every word, English ones in any form of their stem."""
    text = f"{sentence.zh} {sentence.en}".lower()
    return all(_has_word(word, text) for word in words)


def _has_word(word: str, text: str) -> bool:
    """Return whether `text` holds a Chinese word, or a Latin one at the beginning of a word."""
    if not word.isascii():
        return word in text
    return re.search(rf"\b{re.escape(ENDING.sub('', word))}", text, re.ASCII) is not None


def _speaks_of(subject: str, names: frozenset[str], vocabulary: Vocabulary) -> bool:
    """Return whether a sentence names the subject, one of its kinds, or what it is a kind of.

    Not upwards for devices: that the lines lie well says nothing of a pacemaker.
    """
    device = vocabulary.concepts[subject].kind is Kind.DEVICE
    up = {subject} if device else vocabulary.lineage(subject)
    return any(name in up or subject in vocabulary.lineage(name) for name in names)


def _fits(asked: frozenset[str], names: frozenset[str], vocabulary: Vocabulary) -> bool:
    """Return whether side, anatomy and attributes of the question agree with the sentence."""
    attributes = vocabulary.of_kind(asked, Kind.ATTRIBUTE)
    return (
        attributes <= names and _same_side(asked, names) and _same_place(asked, names, vocabulary)
    )


def _same_side(asked: frozenset[str], names: frozenset[str]) -> bool:
    sides = names & {"left", "right", "bilateral"}
    return not (asked & {"left", "right"}) or not sides or bool(sides & (asked | {"bilateral"}))


def _same_place(asked: frozenset[str], names: frozenset[str], vocabulary: Vocabulary) -> bool:
    """False where both name places within one organ and none agrees."""
    wanted = vocabulary.of_kind(asked, Kind.ANATOMY)
    places = vocabulary.of_kind(names, Kind.ANATOMY)
    for place in wanted:
        siblings = {p for p in places if _siblings(p, place, vocabulary)}
        agreeing = {p for p in places if _speaks_of(place, frozenset({p}), vocabulary)}
        if siblings and not agreeing - {vocabulary.concepts[place].parent}:
            return False
    return True


def _siblings(first: str, second: str, vocabulary: Vocabulary) -> bool:
    parent = vocabulary.concepts[first].parent
    return first != second and parent is not None and parent == vocabulary.concepts[second].parent


def _without_subject(reading: Reading, said: list[_Said], vocabulary: Vocabulary) -> list[_Said]:
    """Return the sentences for a question on a place, a part of the report, an attribute, or a word
    that is no concept."""
    asked = reading.names
    places = vocabulary.of_kind(asked, Kind.ANATOMY)
    if places:
        fitting = [s for s in said if _fits(asked, s.names, vocabulary)]
        if vocabulary.of_kind(asked, Kind.ATTRIBUTE):
            # How far a catheter lies in the atrium says nothing of how large the heart is.
            fitting = [s for s in fitting if not vocabulary.of_kind(s.names, Kind.DEVICE)]
        return [s for s in fitting if all(_at(p, s.names, vocabulary) for p in places)]
    if vocabulary.of_kind(asked, Kind.SECTION):
        impression = [s for s in said if s.section is Section.IMPRESSION]
        return [s for s in impression if _fits(asked, s.names, vocabulary)]
    if reading.rest or vocabulary.of_kind(asked, Kind.ATTRIBUTE, Kind.SIDE):
        return [s for s in said if _fits(asked, s.names, vocabulary)]
    return []


def _at(place: str, names: frozenset[str], vocabulary: Vocabulary) -> bool:
    """Return whether a sentence names the place, a part of it, or something that sits there."""
    seats = {vocabulary.concepts[name].at or name for name in names} | names
    return any(place in vocabulary.lineage(seat) for seat in seats)


def _ranked(
    query: str, found: list[_Said], unsaid: list[str], sentences: SentenceEncoder
) -> Relevant:
    scores = _cosines(query, found, sentences)
    # Ties in reading order: sorted is stable.
    order = sorted(range(len(found)), key=lambda index: -scores[index])[:CITED]
    return Relevant(
        sentences=tuple(found[index].sentence for index in order),
        scores=tuple(scores[index] for index in order),
        unsaid=tuple(unsaid),
    )


def _cosines(query: str, said: list[_Said], sentences: SentenceEncoder) -> list[float]:
    passages = sentences.passages([f"{s.sentence.zh} {s.sentence.en}" for s in said])
    return [float(score) for score in passages @ sentences.queries([query])[0]]
