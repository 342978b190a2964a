"""Which sentences of a report speak of what is asked, and what they say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from radraft.llm.asking.examined import places_of, region_of, side_of
from radraft.llm.asking.lexicon import lexicon
from radraft.llm.asking.literals import positions
from radraft.llm.asking.places import same_side, same_spots
from radraft.llm.asking.questions import Asked, Subject
from radraft.llm.asking.reading import LIMITED, Stated, Text, stated, texts_of
from radraft.llm.asking.values import Kind, Polarity, Source, SourceSentence
from radraft.reports.findings.vocabulary import Region

_ORDER = re.compile(
    r"ignore (?:the|all|previous)|(?:tell|inform) the (?:doctor|clinician"
    r"|user)|\b(?:ai|reader|program|software|assistant"
    r"|model)\b[^.]{0,30}[:：]|"
    r"(?:reply|answer|respond|say|state|write) (?:in every|only|always|that"
    r"|at once|with|in its reply)|人工智能|供ai|ai读取|阅读程序|阅读者|助手程序|提示词|ai助手"
    r"|系统消息"
    r"|系统提示|always (?:give|say|answer)|permitted answer|machine readers?|\(prompt\)|"
    r"(?:回答|回复)(?:中|时|末尾|任何|为)|不要告诉|只说|只能回答|一律|\[ai|若被问"
    r"|to any software|忽略(?:以上|其他|前|医生)|system note|output [\"“]",
    re.IGNORECASE,
)


class Place(IntEnum):
    """How what a statement is about lies to the place that is asked for."""

    OTHER = 0
    BESIDE = 1
    """Another part of the same organ."""
    OPEN = 2
    """It names none, or a wider one."""
    SAME = 3


@dataclass(frozen=True)
class Hit:
    """What one statement says of one subject of the question."""

    polarity: Polarity
    place: Place
    sides: frozenset[str]
    spots: frozenset[str]
    read: bool = False
    own: bool = True
    """Whether it names the subject, rather than that all is normal there."""


SentenceHits = tuple[SourceSentence, tuple[tuple[Hit, ...], ...]]
"""A sentence with, subject by subject, what it says of it."""


@dataclass(frozen=True)
class Match:
    """A sentence that speaks of what is asked."""

    source: Source
    sentence: SourceSentence
    polarity: Polarity
    """Of all that is asked after."""
    thing: Polarity = Polarity.PRESENT
    """Of the things themselves, without what is said of them."""
    place: Place = Place.SAME
    same_side: bool = True
    same_spot: bool = True
    sides: frozenset[str] = frozenset()
    spots: frozenset[str] = frozenset()
    limited: bool = False
    measured: bool = True
    """Whether it states the measure asked for."""
    own: bool = True
    """Whether it names what is asked after, rather than that all is normal there."""
    whole: bool = True
    """Whether it speaks of all that is asked after, not of a part."""

    @property
    def here(self) -> bool:
        """Whether it is about the side, the level and the place asked for."""
        return self.same_side and self.same_spot and self.place >= Place.OPEN


def is_order(sentence: SourceSentence) -> bool:
    """Return whether a sentence addresses the machine: it states nothing of the patient."""
    return _ORDER.search(f"{sentence.zh} {sentence.en}") is not None


def sentences_of(source: Source) -> Iterator[SourceSentence]:
    """Yield the sentences of a report that state something."""
    return (one for one in source.sentences if not is_order(one))


def _in_parts(asked: Asked, about: Evidence, hits: Sequence[SentenceHits]) -> Iterator[Match]:
    """Yield what settles a question that no sentence speaks of as a whole."""
    things = [n for n, one in enumerate(asked.subjects) if one in asked.things]
    rest = [n for n in range(len(asked.subjects)) if n not in things]
    named = [(s, h) for s, h in hits if all(h[n] for n in things)]
    if not named and all(any(h[n] for _, h in hits) for n in things):
        # All are there, each in a sentence of its own: it is asked after the first.
        named = [(s, h) for s, h in hits if h[things[0]]]
        if not rest:
            yield from (
                m for s, h in named if (m := about.match(s, h, only=things[:1])) is not None
            )
            return
    if not named:
        denied = list(_denied_part(about, hits, things))
        yield from denied
        first = [m for s, h in hits if h[things[0]] and (m := about.match(s, h, only=things[:1]))]
        if not denied and first and not any(m.here for m in first):
            yield from first
            return
        if not denied and rest and asked.places:
            parts = [about.match(s, h, only=rest) for s, h in hits if all(h[n] for n in rest)]
            yield from (m for m in parts if m is not None and m.place is Place.SAME)
        return
    if not rest:
        return
    present = [m for s, h in named if (m := about.match(s, h, only=things)) is not None]
    if not any(m.here and m.thing is not Polarity.ABSENT for m in present):
        yield from present
        return
    said = [(s, h) for s, h in hits if all(h[n] for n in rest) and not _of_another(asked, s, h)]
    for sentence, hit in said:
        match = about.match(sentence, hit, only=rest)
        if match is not None:
            yield match
    if not said:
        yield from (_in_part(m) for m in present)


def _in_part(match: Match) -> Match:
    return replace(match, whole=False)


def _of_another(asked: Asked, sentence: SourceSentence, hits: Sequence[Sequence[Hit]]) -> bool:
    """Return whether what a sentence says is said of something else than the question's thing."""
    del hits
    known = lexicon()
    other = {
        concept
        for one in stated(sentence)
        if one.polarity is Polarity.PRESENT
        for concept in one.concepts
        if concept not in known.predicates and concept not in ("lesion", "normal")
    }
    mine = {c for one in asked.things for c in one.concepts}
    return bool(other) and not any(
        m in known.lineage(o) or o in known.lineage(m) for m in mine for o in other
    )


def _denied_part(
    about: Evidence, hits: Sequence[SentenceHits], things: Sequence[int]
) -> Iterator[Match]:
    """Yield the sentences that deny one of the things where none speaks of all of them."""
    for n in things:
        of_one = [(s, h) for s, h in hits if h[n]]
        found = [m for s, h in of_one if (m := about.match(s, h, only=[n])) is not None]
        if found and all(m.thing is Polarity.ABSENT for m in found if m.here) and any(
            m.here for m in found
        ):  # fmt: skip
            yield from found
            return


class Evidence:
    """A question held against one report. What it finds is found once."""

    def __init__(self, asked: Asked, source: Source) -> None:
        self.region = region_of(source.about)
        self._as_asked = asked
        self.asked = asked = _with_usual_place(asked, self.region)
        self.source = source
        self.known = lexicon()
        self.side = side_of(source.about)
        self.about = places_of(source.about)
        self.stated_there = frozenset(
            concept
            for sentence in self.sentences
            for one in stated(sentence, self.region)
            if one.polarity is not Polarity.ABSENT
            for concept in one.concepts
        )
        """What the report has somewhere: a denial of it is of that place alone."""
        self.refers = (
            (asked.attribute or asked.compares)
            and not asked.exists
            and asked.kind not in _NATURE_KINDS
        )
        """Whether the question points at a lesion that a report may call by another name."""

    @cached_property
    def sentences(self) -> tuple[SourceSentence, ...]:
        """The sentences that state something."""
        return tuple(sentences_of(self.source))

    @cached_property
    def matches(self) -> tuple[Match, ...]:
        """The sentences that speak of what is asked, in reading order; where none speaks of all of
        it, those that settle it. Without subjects, places, measures and levels: none."""
        asked = self._as_asked
        if not asked.has_subject:
            return ()
        if not asked.subjects:
            return _by_place(asked, self)
        hits, every = self.hits, range(len(asked.subjects))
        if asked.any_of and len(asked.things) > 1:
            some = [(s, h) for s, h in hits if any(h[n] for n in every)]
            return tuple(m for s, h in some if (m := self.match(s, h)) is not None)
        whole = [(s, h) for s, h in hits if all(h[n] for n in every)]
        found = [m for s, h in whole if (m := self.match(s, h)) is not None]
        if any(m.here for m in found):
            # What names it goes before what says that all is normal there.
            named = [m for m in found if m.own]
            return tuple(named if any(m.here for m in named) else found)
        return tuple(found) + tuple(_in_parts(asked, self, hits))

    @cached_property
    def related(self) -> tuple[SourceSentence, ...]:
        """Sentences that share a subject, an organ or a kind with the question, best first."""
        return _related(self._as_asked, self.sentences)

    @cached_property
    def hits(self) -> tuple[SentenceHits, ...]:
        """Each sentence with, subject by subject, what it says of it."""
        found = []
        before: frozenset[str] = frozenset()
        for sentence in self.sentences:
            texts = texts_of(sentence, self.region)
            hits = tuple(tuple(self._hits(one, texts, before)) for one in self.asked.subjects)
            found.append((sentence, hits))
            before = (
                frozenset(p for text in texts for c in text.clauses for p in c.places) or before
            )
        return tuple(found)

    def _in_region(self, one: Stated) -> bool:
        """Return whether a statement names no more than the region that the place lies in."""
        return bool(self.asked.places) and self.known.specific(one.places) <= _REGIONS

    def _general(self, subject: Subject) -> bool:
        """Return whether a subject may be of anything, so that a sentence that names no place goes
        on about that of the one before."""
        return subject.concepts <= self.known.anywhere

    def _hits(
        self, subject: Subject, texts: Sequence[Text], before: frozenset[str]
    ) -> Iterator[Hit]:
        device = bool(subject.concepts & self.known.devices)
        own = False
        for text in texts:
            for one in self._stated(subject, text):
                polarity = self._speaks(subject, one, device)
                if polarity is None:
                    continue
                place = self.place(one.places)
                if device:
                    place = max(place, Place.OPEN)
                    if polarity is Polarity.ABSENT and _TIP.search(text.lower):
                        polarity = Polarity.PRESENT
                elif place is Place.OPEN and not one.places:
                    if self._foreign():
                        continue
                    if before and self._general(subject):
                        place = self.place(before)
                elif (
                    place is Place.OPEN and polarity is not Polarity.ABSENT and self._in_region(one)
                ):
                    place = Place.OTHER
                if place is not Place.OTHER:
                    own = own or place >= Place.OPEN
                    yield Hit(polarity, place, one.sides or self.side, one.spots, one.read)
        if own or device:
            return
        for text in texts:
            for one in text.stated:
                if self._covers(subject, one):
                    sides = one.sides or self.side
                    yield Hit(Polarity.ABSENT, Place.SAME, sides, one.spots, own=False)

    def _stated(self, subject: Subject, text: Text) -> Iterable[Stated]:
        if subject.concepts:
            return text.stated
        return (text.at(position) for position in positions(subject.literal, text))

    def _speaks(self, subject: Subject, one: Stated, device: bool) -> Polarity | None:
        """Return what a statement says of a subject; None where it says nothing of it."""
        if not subject.concepts:
            return one.polarity
        word = subject.concepts
        for concept in one.concepts:
            if word & self.known.lineage(concept):
                return one.polarity
        if device:
            return None
        for concept in one.concepts:
            above = any(concept in self.known.lineage(w) for w in word)
            if one.polarity is Polarity.ABSENT and above and concept not in self.stated_there:
                return Polarity.ABSENT
            if one.polarity is Polarity.UNCERTAIN and above and concept in _DOUBTED:
                return Polarity.UNCERTAIN
            both = concept in self.known.lesions and word & self.known.lesions
            if both and one.polarity is Polarity.ABSENT and one.places:
                return Polarity.ABSENT
            if both and self.refers and not subject.predicate:
                return one.polarity
        return None

    def place(self, places: frozenset[str]) -> Place:
        """Return how `places` lie to those that are asked for."""
        found = Place.SAME
        places = self.known.specific(places)
        for place in self.asked.places:
            found = min(found, self._one_place(place, places))
        return found

    def _one_place(self, place: str, places: frozenset[str]) -> Place:
        known = self.known
        if any(place in known.lineage(one) for one in places):
            return Place.SAME
        if not places or place in known.loose:
            return Place.OPEN
        if any(one in known.lineage(place) for one in places):
            return Place.OPEN
        organ = known.lineage(place) - _REGIONS - known.loose
        if any(organ & (known.lineage(one) - _REGIONS - known.loose) for one in places):
            return Place.BESIDE
        return Place.OTHER

    def _foreign(self) -> bool:
        """Return whether the examination does not show the place asked for."""
        if not self.about or not self.asked.places:
            return False
        seen = frozenset(up for one in self.about for up in self.known.lineage(one))
        return not any(
            self.known.lineage(place) & self.about or place in seen or place in self.known.loose
            for place in self.asked.places
        )

    def _covers(self, subject: Subject, one: Stated) -> bool:
        """Return whether that a place is normal says that the subject is not there."""
        if not one.concepts & {"normal", "removed"} or one.polarity is not Polarity.ABSENT:
            return False
        if not self.asked.sides and len(one.sides & {"left", "right"}) == 1 and not self.side:
            # That one side is normal says nothing of the other.
            return False
        only = one.concepts - {"normal", "removed"}
        if only and not subject.concepts & only:
            return False
        if subject.concepts & _BESIDE_CLEAR_LUNGS and "lung" in one.places:
            return False
        if not subject.concepts:
            return False
        if self.asked.places:
            # That a part is normal says nothing of the whole.
            return (
                not self.asked.places & self.known.loose
                and all(
                    any(
                        wide in self.known.lineage(place) - _REGIONS or wide == place
                        for wide in one.places
                    )
                    for place in self.asked.places
                )
            ) or ("effusion" in subject.concepts and "costophrenic" in one.places)
        if "effusion" in subject.concepts and "costophrenic" in one.places:
            return True
        return bool(subject.concepts & _OF_LUNG) and "lung" in one.places

    def match(
        self,
        sentence: SourceSentence,
        hits: Sequence[Sequence[Hit]],
        only: Sequence[int] | None = None,
    ) -> Match | None:
        """Return what a sentence says of the subjects, of `only` some of them."""
        asked = self.asked
        chosen: list[tuple[int, Hit]] = []
        for n in range(len(asked.subjects)) if only is None else only:
            if hits[n]:
                chosen.append((n, self._strongest(hits[n])))
        if not chosen:
            return None
        things = [h.polarity for n, h in chosen if asked.subjects[n] in asked.things]
        polarity = _all([h.polarity for _, h in chosen], any_of=asked.any_of)
        sides = frozenset(s for _, h in chosen for s in h.sides)
        spots = frozenset(s for _, h in chosen for s in h.spots)
        text = f"{sentence.zh} {sentence.en}"
        return Match(
            self.source,
            sentence,
            polarity,
            _all(things, any_of=asked.any_of) if things else Polarity.PRESENT,
            min(h.place for _, h in chosen),
            all(same_side(asked.sides, h.sides) for _, h in chosen),
            all(same_spots(asked.spots, h.spots) for _, h in chosen),
            sides,
            spots,
            LIMITED.search(text.lower()) is not None,
            all(self.known.measured[m].search(text) for m in asked.measures),
            own=all(h.own for _, h in chosen),
            whole=only is None,
        )

    def _strongest(self, hits: Sequence[Hit]) -> Hit:
        """Return the hit that counts: of the place and the side asked for, as the finding reader
        has it, present before uncertain before absent."""
        order = {Polarity.PRESENT: 0, Polarity.UNCERTAIN: 1, Polarity.ABSENT: 2}
        return min(
            hits,
            key=lambda hit: (
                not same_side(self.asked.sides, hit.sides),
                not same_spots(self.asked.spots, hit.spots),
                _RANK[hit.place],
                bool(self.asked.sides) and not hit.sides & self.asked.sides,
                not hit.own,
                not hit.read,
                order[hit.polarity],
            ),
        )


def _with_usual_place(asked: Asked, region: Region | None) -> Asked:
    """Return the question with the place that a fluid of the chest is in where none is named."""
    fluid = any("effusion" in one.concepts for one in asked.subjects)
    if fluid and not asked.places and region is Region.CHEST:
        return replace(asked, places=frozenset({"pleura"}))
    return asked


_NATURE_KINDS = frozenset({Kind.CERTAINTY, Kind.CAUSE})
_DOUBTED = frozenset(["tumour", "malignancy", "glioma", "fungal", "pneumonia", "infection"])
"""A doubt about these is one about their kinds."""
_REGIONS = frozenset(
    [
        "chest",
        "head",
        "abdomen",
        "pelvis",
        "bone",
        "joint",
        "spine",
        "knee",
        "hip",
        "shoulder",
        "wrist",
        "ankle",
        "foot",
        "hand",
        "face",
    ]
)
_OF_LUNG = frozenset(
    [
        "opacity",
        "consolidation",
        "pneumonia",
        "nodule",
        "mass",
        "lesion",
        "ground_glass",
        "ggn",
        "tuberculosis",
        "infection",
        "inflammation",
        "atelectasis",
        "cavity",
        "tumour",
        "malignancy",
        "abscess",
        "infiltrate",
    ]
)
_BESIDE_CLEAR_LUNGS = frozenset(
    [
        "emphysema",
        "bulla",
        "fibrosis",
        "calcification",
        "thickening",
        "copd",
        "hyperinflation",
        "interstitial",
    ]
)
"""What lungs may show that a report calls clear or normal: it had no consolidation in mind."""


_RANK = {Place.SAME: 0, Place.BESIDE: 1, Place.OPEN: 2, Place.OTHER: 3}
_TIP = re.compile(r"\btips?\b|尖端|末端|头端")


def _all(found: Sequence[Polarity], *, any_of: bool) -> Polarity:
    if any_of and Polarity.PRESENT in found:
        return Polarity.PRESENT
    if Polarity.ABSENT in found:
        return Polarity.ABSENT
    return Polarity.UNCERTAIN if Polarity.UNCERTAIN in found else Polarity.PRESENT


def _by_place(asked: Asked, about_: Evidence) -> tuple[Match, ...]:
    """Return what is said of the places of a question that names nothing else."""
    found = []
    for sentence in about_.sentences:
        text = f"{sentence.zh} {sentence.en}"
        if not all(lexicon().measured[m].search(text) for m in asked.measures):
            continue
        said = stated(sentence, about_.region)
        here = [one for one in said if _is_of(asked, about_, one)]
        if not here:
            continue
        sided = [one for one in here if same_side(asked.sides, one.sides or about_.side)]
        here = sided or here
        wrong = [one for one in here if one.concepts - {"normal"}]
        polarities = {one.polarity for one in wrong or here}
        polarity = next(
            p for p in (Polarity.PRESENT, Polarity.UNCERTAIN, Polarity.ABSENT) if p in polarities
        )
        sides = frozenset(s for one in here for s in one.sides or about_.side)
        spots = frozenset(s for one in here for s in one.spots)
        found.append(
            Match(
                about_.source, sentence, polarity, polarity, Place.SAME,
                bool(sided) or not asked.sides, same_spots(asked.spots, spots), sides, spots,
                LIMITED.search(text.lower()) is not None,
            )
        )  # fmt: skip
    return tuple(found)


def _is_of(asked: Asked, about_: Evidence, one: Stated) -> bool:
    if asked.places:
        if about_.place(one.places) is not Place.SAME:
            # That all of an organ is normal says so of its parts.
            wide = about_.place(one.places) is Place.OPEN and bool(one.places)
            return wide and bool(one.concepts & {"normal", "removed"})
        return not asked.spots or not one.spots or same_spots(asked.spots, one.spots)
    if asked.spots:
        return bool(one.spots) and same_spots(asked.spots, one.spots)
    return bool(asked.measures)


def not_judged(asked: Asked, about_: Evidence) -> tuple[SourceSentence, ...]:
    """Return the sentences that say of the place asked for that it could not be judged."""
    found = []
    for sentence in about_.sentences:
        if not asked.places or not LIMITED.search(f"{sentence.zh} {sentence.en}".lower()):
            continue
        said = stated(sentence, about_.region)
        if any(
            about_.place(one.places) is Place.SAME and same_side(asked.sides, one.sides)
            for one in said
        ):
            found.append(sentence)
    return tuple(found)


def _related(asked: Asked, sentences: Sequence[SourceSentence]) -> tuple[SourceSentence, ...]:
    known = lexicon()
    wanted = {c for one in asked.subjects for c in one.concepts}
    near = {up for c in wanted for up in known.lineage(c)}
    scored = []
    for at, sentence in enumerate(sentences):
        said = stated(sentence)
        own = {c for one in said for c in one.concepts}
        score = 3 * len(wanted & {up for c in own for up in known.lineage(c)})
        score += len(near & own - {"normal"})
        places = {p for one in said for p in one.places}
        score += 2 * sum(any(p in known.lineage(one) for one in places) for p in asked.places)
        score += sum(any(one in known.lineage(p) for one in places) for p in asked.places)
        score += 2 * sum(
            any(True for text in texts_of(sentence) for _ in positions(one.literal, text))
            for one in asked.unknown
        )
        if score:
            scored.append((-score, at, sentence))
    return tuple(one[2] for one in sorted(scored, key=lambda one: one[:2])[:3])
