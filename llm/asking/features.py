"""What a model reads of a question and of each sentence of a report: numbers, without a word.

Two sources: what the rules read (`questions`, `reading`, `evidence`, the concepts of
`reports/findings`), and nearness that needs no list of words (`similarity`). -1 stands where a
number has no meaning: a side where the question names none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from radraft.llm.asking.advice import ADVICE
from radraft.llm.asking.cases import Case
from radraft.llm.asking.evidence import Evidence, Hit, Match
from radraft.llm.asking.forms import forms
from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.places import same_side, same_spots, sides_of, spots_of
from radraft.llm.asking.premises import LENGTH, changes, contradicted, numbers, same_numbers
from radraft.llm.asking.questions import Asked, vocabulary
from radraft.llm.asking.quotable import fields_of
from radraft.llm.asking.reading import LIMITED, MAYBE, stated
from radraft.llm.asking.similarity import Vectors, shared_words
from radraft.llm.asking.values import (
    Finding,
    Kind,
    MetadataField,
    Outcome,
    Polarity,
    Source,
    SourceSentence,
)
from radraft.llm.sentences import Array
from radraft.reports.findings import concepts

_ABSENT = -1.0
_NUMBER = re.compile(r"\d")
_FIELDS = (
    ("technique", {MetadataField.TECHNIQUE}),
    ("quality", {MetadataField.QUALITY}),
    ("history", {MetadataField.HISTORY}),
    ("people", {MetadataField.AUTHOR, MetadataField.REVIEWER, MetadataField.ORDERED_BY}),
    ("time", {MetadataField.PERFORMED_AT, MetadataField.SIGNED_AT}),
    ("alert", {MetadataField.CRITICAL_ALERT}),
)
_NAMED = (
    concepts.Kind.FINDING,
    concepts.Kind.DEVICE,
    concepts.Kind.TOPIC,
    concepts.Kind.ANATOMY,
)


@dataclass(frozen=True)
class Features:
    """A question held against one report, in numbers."""

    sentences: tuple[SourceSentence, ...]
    of_sentences: Mapping[str, Array]
    """(n,) each."""
    of_question: Mapping[str, float]
    vectors: Vectors

    def table(self, names: Sequence[str]) -> Array:
        """Return (n, names): a sentence's numbers and its question's."""
        found = np.empty((len(self.sentences), len(names)), np.float32)
        for column, name in enumerate(names):
            own = self.of_sentences.get(name)
            found[:, column] = self.of_question[name] if own is None else own
        return found


def features(case: Case, source: Source, found: Finding, vectors: Vectors) -> Features:
    """Return the numbers of a question and of what is `quotable` of `source`, of which the rules
    `found` what they did."""
    asked, evidence = case.asked, case.evidence(source)
    fields = replace(source, sentences=fields_of(source))
    spoken = (*evidence.hits, *Evidence(asked, fields).hits)
    held, last = tuple(one for one, _ in spoken), len(evidence.sentences)
    matched = {m.sentence.id: m for m in evidence.matches}
    quoted = [q.part for q in found.quotes if q.source == source.id]
    named = _named_in(asked.text)
    rows = [
        {
            **_of_hits(asked, hits),
            **_of_match(matched.get(sentence.id)),
            **_of_words(asked, named, sentence),
            "numbers_same": same_numbers(asked.text, f"{sentence.zh} {sentence.en}"),
            "contradicts": float(contradicted(asked, [Match(source, sentence, Polarity.PRESENT)])),
            "quoted": 1.0 / (1 + quoted.index(sentence.id)) if sentence.id in quoted else 0.0,
            "position": at / last if at < last else 1.0,
            "impression": float(at < last and sentence.id.startswith("i")),
            "addendum": float(at < last and sentence.id.startswith("a")),
            "field_asked": float(at >= last and sentence.id in asked.fields),
            **{f"is_{name}": float(at >= last and sentence.id in names) for name, names in _FIELDS},
        }
        for at, (sentence, hits) in enumerate(spoken)
    ]
    for row in rows:
        row["conflict"] = float(
            row["says_absent"] > 0
            or row["hit_absent"] > 0
            or 0 in (row["side"], row["spot"], row["places_same"])
            or row["contradicts"] > 0
        )
    near = [one.id for one in evidence.related]
    names = rows[0] if rows else ()
    columns = {name: np.array([row[name] for row in rows], np.float32) for name in names}
    columns["related"] = np.array(
        [1.0 / (1 + near.index(s.id)) if s.id in near else 0.0 for s in held], np.float32
    )
    columns |= _nearness(asked, held, vectors)
    question = _of_question(asked, found, matched, columns, len(held))
    question |= {
        "priors": float(len(case.priors)),
        "means_prior": float(case.meant is not None),
        "report_changes": float(columns["change"][:last].max(initial=0.0)),
    }
    return Features(held, columns, question, vectors)


def _of_hits(asked: Asked, hits: Sequence[Sequence[Hit]]) -> dict[str, float]:
    """Return what the rules read of the subjects of the question in a sentence."""
    every = [hit for one in hits for hit in one]
    things = [one for subject, one in zip(asked.subjects, hits, strict=True)
              if subject in asked.things]  # fmt: skip
    unknown = [one for subject, one in zip(asked.subjects, hits, strict=True)
               if not subject.concepts]  # fmt: skip
    return {
        "hit": _share(hits),
        "hit_things": _share(things),
        "hit_unknown": _share(unknown),
        "hit_place": max((float(h.place) for h in every), default=_ABSENT),
        "hit_own": max((float(h.own) for h in every), default=_ABSENT),
        "hit_absent": max((float(h.polarity is Polarity.ABSENT) for h in every), default=_ABSENT),
        "hit_uncertain": max(
            (float(h.polarity is Polarity.UNCERTAIN) for h in every), default=_ABSENT
        ),
        "hit_side": max((float(same_side(asked.sides, h.sides)) for h in every), default=_ABSENT),
    }


def _share(hits: Sequence[Sequence[Hit]]) -> float:
    return sum(bool(one) for one in hits) / len(hits) if hits else _ABSENT


def _of_match(match: Match | None) -> dict[str, float]:
    if match is None:
        return {"match": 0.0, "match_here": 0.0, "match_whole": 0.0, "match_measured": 0.0}
    return {
        "match": 1.0,
        "match_here": float(match.here),
        "match_whole": float(match.whole),
        "match_measured": float(match.measured),
    }


@dataclass(frozen=True)
class _Words:
    """What a sentence states, whatever is asked."""

    text: str
    """In both languages."""
    own: frozenset[str]
    """Concepts that it states."""
    wider: frozenset[str]
    """What these are kinds of, themselves among them."""
    places: frozenset[str]
    sides: frozenset[str]
    spots: frozenset[str]
    amounts: frozenset[float]
    plain: Mapping[str, float]
    """Numbers that hold for every question."""


@lru_cache(maxsize=8192)
def _words(sentence: SourceSentence) -> _Words:
    known, text = lexicon(), f"{sentence.zh} {sentence.en}"
    said = stated(sentence)
    own = frozenset(c for one in said for c in one.concepts) - {"normal"}
    places = frozenset(p for one in said for p in one.places)
    sides = sides_of(sentence.zh) | sides_of(sentence.en)
    n = max(1, len(said))
    return _Words(
        text,
        own,
        frozenset(a for c in own for a in known.lineage(c)),
        places,
        sides,
        spots_of(text),
        frozenset(numbers(text)),
        {
            "places_none": float(not places),
            "sided": float(bool(sides)),
            "length": float(LENGTH.search(text) is not None),
            "change": float(bool(changes(text))),
            "limited": float(LIMITED.search(text.lower()) is not None),
            "advises": float(ADVICE.search(text) is not None),
            "hedged": float(MAYBE.search(text.lower()) is not None),
            "says_absent": sum(one.polarity is Polarity.ABSENT for one in said) / n,
            "says_uncertain": sum(one.polarity is Polarity.UNCERTAIN for one in said) / n,
            "says_nothing": float(not said),
            "says": float(len(own)),
            "characters": float(len(sentence.zh) or len(sentence.en) / 3),
        },
    )


def _named_in(text: str) -> Sequence[str]:
    """Return what a question names that a report could: findings, devices, topics, anatomy."""
    return sorted(vocabulary().of_kind(vocabulary().question(text).names, *_NAMED))


def _of_words(asked: Asked, named: Sequence[str], sentence: SourceSentence) -> dict[str, float]:
    """Return what a sentence states beside what is asked for; `named` of `_named_in`."""
    known, said = lexicon(), _words(sentence)
    wanted = {c for one in asked.subjects for c in one.concepts}
    names = names_of(sentence)
    return {
        **said.plain,
        "concepts": len(wanted & said.wider) / len(wanted) if wanted else _ABSENT,
        "concepts_wider": (
            len({a for c in wanted for a in known.lineage(c)} & said.own) / len(wanted)
            if wanted else _ABSENT
        ),
        "vocabulary": (
            sum(any(_kin(name, other) for other in names) for name in named) / len(named)
            if named else _ABSENT
        ),
        "places_same": (
            sum(any(p in known.lineage(o) for o in said.places) for p in asked.places)
            / len(asked.places) if asked.places else _ABSENT
        ),
        "places_wider": (
            sum(any(o in known.lineage(p) for o in said.places) for p in asked.places)
            / len(asked.places) if asked.places else _ABSENT
        ),
        "side": _ABSENT if not asked.sides else (
            0.5 if not said.sides else float(same_side(asked.sides, said.sides))
        ),
        "spot": _ABSENT if not asked.spots else (
            0.5 if not said.spots else float(same_spots(asked.spots, said.spots))
        ),
        "gives": _gives(asked, said),
        "sizes": (
            sum(round(size, 3) in said.amounts for size in asked.sizes) / len(asked.sizes)
            if asked.sizes else _ABSENT
        ),
    }  # fmt: skip


@lru_cache(maxsize=8192)
def names_of(sentence: SourceSentence) -> frozenset[str]:
    """Return what the vocabulary knows of a sentence's words."""
    return vocabulary().sentence(sentence.zh, sentence.en).names


def _kin(name: str, other: str) -> bool:
    lineage = vocabulary().lineage
    return name in lineage(other) or other in lineage(name)


def _gives(asked: Asked, said: _Words) -> float:
    """Return whether a sentence has the kind of thing that is asked for."""
    if asked.measures:
        return float(all(lexicon().measured[m].search(said.text) for m in asked.measures))
    plain = said.plain
    gives = {
        Kind.SIZE: plain["length"],
        Kind.NUMBER: _NUMBER.search(said.text) is not None,
        Kind.CHANGE: plain["change"],
        Kind.SERIES: plain["change"] or plain["length"],
        Kind.SIDE: bool(said.sides),
        Kind.PLACE: bool(said.sides or said.spots or said.places),
        Kind.CERTAINTY: plain["hedged"],
        Kind.CAUSE: plain["hedged"],
        Kind.ADVICE: plain["advises"],
        Kind.QUALITY: plain["limited"],
    }
    return float(gives.get(asked.kind, _ABSENT))


def _nearness(asked: Asked, held: Sequence[SourceSentence], vectors: Vectors) -> dict[str, Array]:
    words = shared_words(asked.text, held)
    scores = {
        "shared": words.max(axis=1) if len(held) else words[:, 0],
        "near": vectors.sentences @ vectors.question,
        "near_context": vectors.sentences @ vectors.in_context,
        "near_content": vectors.sentences @ vectors.content,
        "clause": vectors.clauses.nearest(vectors.question, len(held)),
        "clause_content": vectors.clauses.nearest(vectors.content, len(held)),
    }
    columns: dict[str, Array] = {}
    for name, of_sentences in scores.items():
        columns |= ranked(name, of_sentences)
    return columns


def ranked(name: str, scores: Array) -> dict[str, Array]:
    """Return scores as they are, beside their mean and spread in the report, beside the best other,
    and by rank."""
    if not len(scores):
        return {name + ending: scores for ending in ("", "_spread", "_margin", "_rank")}
    spread = (scores - scores.mean()) / max(float(scores.std()), 1e-3)
    top = np.sort(scores)[::-1]
    second = top[1] if len(top) > 1 else top[0]
    margin = np.where(scores == top[0], scores - second, scores - top[0])
    rank = np.argsort(np.argsort(-scores, kind="stable"), kind="stable")
    return {
        name: scores.astype(np.float32),
        name + "_spread": spread.astype(np.float32),
        name + "_margin": margin.astype(np.float32),
        name + "_rank": rank.astype(np.float32),
    }


def _of_question(
    asked: Asked,
    found: Finding,
    matched: Mapping[str, Match],
    columns: Mapping[str, Array],
    n: int,
) -> dict[str, float]:
    here = [m for m in matched.values() if m.here]
    values = {f"kind_{kind.value}": float(asked.kind is kind) for kind in _KINDS}
    values |= {
        f"rules_{one.value.replace(' ', '_')}": float(found.outcome is one) for one in Outcome
    }
    values |= {f"rules_{one.value}": float(found.polarity is one) for one in Polarity}
    values |= {
        "rules_no_polarity": float(found.polarity is None),
        "rules_quotes": float(len(found.quotes)),
        "matches": float(len(matched)),
        "matches_here": float(len(here)),
        "contradicted": float(bool(here) and contradicted(asked, here)),
        "subjects": float(len(asked.subjects)),
        "unknown": float(len(asked.unknown)),
        "places": float(len(asked.places)),
        "sides": float(len(asked.sides)),
        "spots": float(len(asked.spots)),
        "measures": float(len(asked.measures)),
        "presumes": float(asked.presumes),
        "attribute": float(asked.attribute),
        "tag": float(asked.tag),
        "denies": float(asked.denies),
        "sure": float(asked.sure),
        "asserts": float(
            asked.tag
            or bool(asked.sizes)
            or asked.count is not None
            or (asked.change is not None and not asked.neutral)
        ),
        "names_prior": float(asked.when.named),
        "exists": float(asked.exists),
        "definite": float(any(one.definite for one in asked.subjects)),
        "names_change": float(asked.change is not None),
        "neutral": float(asked.neutral),
        "normal": float(asked.normal),
        "names_size": float(bool(asked.sizes)),
        "names_count": float(asked.count is not None),
        "compares": float(asked.compares),
        "turned": float(asked.turned),
        "one_side": float(asked.one_side),
        "any_of": float(asked.any_of),
        "asked_length": float(len(asked.content.encode()) / 3),
        "report_sentences": float(n),
    }
    values |= forms(asked.text)
    for name in _BEST:
        values[f"best_{name}"] = float(columns[name].max()) if n else _ABSENT
    return values


_BEST = (
    "hit", "hit_things", "hit_unknown", "concepts", "vocabulary", "places_same", "shared", "near",
    "near_spread", "near_content", "clause", "clause_content", "clause_content_spread",
)  # fmt: skip
_KINDS = (
    Kind.PRESENCE, Kind.SIDE, Kind.PLACE, Kind.SIZE, Kind.NUMBER, Kind.CHANGE, Kind.CERTAINTY,
    Kind.CAUSE, Kind.ADVICE, Kind.QUALITY, Kind.SERIES, Kind.METADATA,
)  # fmt: skip
