"""Left and right: between sections, against the request, against the images' own tag."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from radraft.reports.checks.named import NamedFinding, asked_by, named, names_of, organs_meet
from radraft.reports.checks.nouns import nouns
from radraft.reports.checks.pointing import issue_at, whole
from radraft.reports.checks.stated import BOTH, Stated, relations, sides_of, stated
from radraft.reports.checks.values import Issue, ReadReport, ReadSentence, Severity
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Kind, Region, counted_as, lineage, vocabulary
from radraft.reports.values import (
    LANGS,
    Certainty,
    Lang,
    Laterality,
    Origin,
    Section,
    Sentence,
    Wording,
)

_ABOUT_ZH = re.compile(r"(?<=[0-9a-zA-Z%％米度°])\s*左右")
_SIDES: dict[Lang, dict[Laterality, re.Pattern[str]]] = {
    "zh": {
        Laterality.LEFT: re.compile("左"),
        Laterality.RIGHT: re.compile("右"),
        # 两 also counts things: 两处, 两个.
        Laterality.BILATERAL: re.compile(
            "双(?!重|相)|[两兩](?![处處个個枚次年月周天日条條根段种種])"
        ),
    },
    "en": {
        Laterality.LEFT: re.compile(r"\bleft\b", re.IGNORECASE),
        Laterality.RIGHT: re.compile(r"\bright\b", re.IGNORECASE),
        Laterality.BILATERAL: re.compile(r"\b(bilateral(ly)?|both)\b", re.IGNORECASE),
    },
}
_PAIRED = re.compile(
    "SHOULDER|CLAVICLE|SCAPULA|HUMERUS|U?ARM|ELBOW|FOREARM|WRIST|HAND|FINGER|THUMB|HIP|FEMUR|THIGH|"
    "KNEE|PATELLA|LEG|ANKLE|FOOT|TOE|CALCANEUS|HEEL|BREAST|EXTREMITY|KIDNEY|ORBIT|EYE|EAR"
)
"""DICOM body parts of which an examination shows one side."""
_HAN = re.compile("[\u4e00-\u9fff]")
_PURPOSE = re.compile(
    r"(?:治疗|化疗|放疗|介入|抗炎|抗感染|引流|置管|穿刺|手术)*(?:前|后|中)?(?:年度|定期)?"
    r"(?:复查|随访|复诊|待查|评估|评价|定位|观察|了解情况|检查)|\b(?:follow-?up|known|s/p)\b",
    re.IGNORECASE,
)
# Requests are shorter than reports: what a ward calls a tube, a disease by its organ alone.
_SHORT_ZH = (
    (re.compile("胸引(?!流)管?|胸腔闭式引流(?!管)|胸管"), "胸腔引流管"),
    (re.compile("(?<=[左右])肺肺"), "肺"),
)
Sides = frozenset[Laterality]
_DENIES: dict[Lang, re.Pattern[str]] = {
    "zh": re.compile("未见|无(?!气)|没有|未发现|清晰|正常"),
    "en": re.compile(r"\b(?:no|without|clear|normal|unremarkable|neither)\b", re.IGNORECASE),
}
_MOST_WORDS = 0.6
"""Share of the nouns of the shorter of two sentences that say the same."""


def named_sides(text: str, lang: Lang) -> Sides:
    """Return left and right as `text` names them; both for bilateral."""
    if lang == "zh":
        text = _ABOUT_ZH.sub("", text)
    found = {side for side, word in _SIDES[lang].items() if word.search(text)}
    if Laterality.BILATERAL in found:
        found = {Laterality.LEFT, Laterality.RIGHT}
    return frozenset(found)


class SidesOfSections:
    """A finding that the findings have on one side and the impression on the other.

    Blocks where both sections have that very finding, each on one side alone; warns where they call
    it by different names.
    """

    code = "side_sections"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence of the impression."""
        for lang in LANGS:
            findings = [one for one in stated(read, lang, Section.FINDINGS) if not one.absent]
            told: set[str] = set()
            for one in stated(read, lang, Section.IMPRESSION):
                here = one.read.sentence.id
                sides = sides_of(one.mention)
                if one.absent or not sides or sides == BOTH or here in told:
                    continue
                against, severity = _other_side(one, sides, findings)
                if against is not None:
                    told.add(here)
                    yield issue_at(
                        self,
                        one.read,
                        lang,
                        one.pointer,
                        against.pointer,
                        severity=severity,
                        details=_details(one),
                    )
            yield from self._of_names(read, lang, told)

    def _of_names(self, read: ReadReport, lang: Lang, told: set[str]) -> Iterator[Issue]:
        """Yield those of findings outside the vocabulary, and of sentences that say the same."""
        findings = [one for one in named(read, lang, Section.FINDINGS) if not one.absent]
        for one in named(read, lang, Section.IMPRESSION):
            if one.absent or len(one.sides) != 1 or one.read.sentence.id in told:
                continue
            same = [
                other
                for other in findings
                if other.name == one.name and organs_meet(one, other) and _may_be(one, other)
            ]
            if same and all(_opposite(one.sides, other.sides) for other in same):
                told.add(one.read.sentence.id)
                details = {"finding_zh": one.words, "finding_en": one.words}
                yield issue_at(
                    self,
                    one.read,
                    lang,
                    one.pointer,
                    same[0].pointer,
                    severity=Severity.WARN,
                    details=details,
                )
        for sentence in read.by_section[Section.IMPRESSION]:
            if sentence.sentence.id not in told:
                yield from self._of_same_words(read, lang, sentence)

    def _of_same_words(self, read: ReadReport, lang: Lang, here: ReadSentence) -> Iterator[Issue]:
        """Yield a sentence that repeats one of the findings but for its side."""
        text = here.sentence.text(lang)
        sides = named_sides(text, lang)
        if len(sides) != 1 or _DENIES[lang].search(text):
            return
        alike = [
            (named_sides(other, lang), sentence)
            for sentence in read.by_section[Section.FINDINGS]
            if (other := sentence.sentence.text(lang))
            and not _DENIES[lang].search(other)
            and _same_words(text, other, lang)
        ]
        if alike and all(_opposite(sides, others) for others, _ in alike):
            pointers = whole(here, lang), whole(alike[0][1], lang)
            details = {"finding_zh": "该所见", "finding_en": "this finding"}
            yield issue_at(self, here, lang, *pointers, severity=Severity.WARN, details=details)


class SideOfRequest:
    """A finding or device that the request names on one side and the report on the other."""

    code = "side_reason"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the first sentence about each such finding."""
        reason = read.study.reason.strip()
        if not reason:
            return
        language: Lang = "zh" if _HAN.search(reason) else "en"
        asked = _asked(reason, language)
        for lang in LANGS:
            said = [*_both_sections(read, lang)]
            for code, sides in asked.items():
                about = [one for one in said if not one.absent and _is_meant(one, code)]
                sided = [one for one in about if sides_of(one.mention)]
                if sided and not any(sides_of(one.mention) & sides for one in about):
                    yield issue_at(
                        self, sided[0].read, lang, sided[0].pointer, details=_details(sided[0])
                    )
                    break
            else:
                yield from self._of_names(read, lang, _request(reason, language))

    def _of_names(self, read: ReadReport, lang: Lang, request: ReadSentence) -> Iterator[Issue]:
        """Yield the first sentence about a finding outside the vocabulary, or of another name."""
        said = [
            name for section in Section for name in named(read, lang, section) if not name.absent
        ]
        for asked in names_of(request, request.sentence.wordings[0].lang):
            if len(asked.sides) != 1:
                continue
            about = [name for name in said if name.name == asked.name and organs_meet(asked, name)]
            if not about and not any(name.sides & asked.sides for name in said):
                # By another name only where nothing at all is on the side asked about.
                about = [
                    name
                    for name in said
                    if (asked_by(asked.name, name.name) and organs_meet(asked, name))
                    or _of_one_organ(asked, name)
                ]
            sided = [name for name in about if name.sides]
            if sided and not any(name.sides & asked.sides for name in about):
                details = {"finding_zh": sided[0].words, "finding_en": sided[0].words}
                yield issue_at(self, sided[0].read, lang, sided[0].pointer, details=details)
                return


class SideOfImages:
    """A report of one knee that speaks only of the other."""

    code = "side_images"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the first sentence with the other side, where the images' side is not named."""
        side, part = read.study.laterality, read.study.body_part.strip().upper()
        if side not in (Laterality.LEFT, Laterality.RIGHT) or not _PAIRED.fullmatch(part):
            return
        for lang in LANGS:
            named = [
                (sentence, named_sides(text, lang))
                for sentence in read.sentences
                if (text := sentence.sentence.text(lang))
            ]
            others = [sentence for sentence, sides in named if sides]
            if others and not any(side in sides for _, sides in named):
                yield issue_at(self, others[0], lang)


def _other_side(
    one: Stated, sides: Sides, findings: Sequence[Stated]
) -> tuple[Stated | None, Severity]:
    """Return what the findings have on the other side only, and how sure it is."""
    same = [other for other in findings if other.code == one.code]
    if same:
        if all(_opposite(sides, sides_of(other.mention)) for other in same):
            sure = one.code not in relations().broad and _certain(one) and all(map(_certain, same))
            return same[0], Severity.BLOCK if sure else Severity.WARN
        return None, Severity.WARN
    alike = [other for other in findings if _kin(one.code, other.code)]
    if alike and all(_opposite(sides, sides_of(other.mention)) for other in alike):
        return alike[0], Severity.WARN
    return None, Severity.WARN


_WIDE = frozenset({"lung", "pleura", "heart", "mediastinum", "abdomen", "bronchus", "airway"})
"""Organs of which a report names many findings."""


def _of_one_organ(asked: NamedFinding, name: NamedFinding) -> bool:
    """Return whether a report's finding is of the small organ that the request asks about."""
    return bool((asked.organs - _WIDE) & (name.organs - _WIDE))


def _may_be(one: NamedFinding, other: NamedFinding) -> bool:
    """Return whether names that say little alone may be of one thing: by organs or by word."""
    if not one.needs_organ or (one.organs and other.organs):
        return True
    return one.words.lower() == other.words.lower()


def _same_words(text: str, other: str, lang: Lang) -> bool:
    """Return whether two sentences have most of their nouns in common."""
    ours, theirs = nouns(text, lang), nouns(other, lang)
    shared = ours & theirs
    return bool(shared) and len(shared) >= _MOST_WORDS * min(len(ours), len(theirs))


def _kin(code: str, other: str) -> bool:
    """Return whether two codes may name one finding: one implies the other, or both are filled
    air spaces or both lesions. An atelectasis and a consolidation may well be two."""
    codes, others = lineage(code), lineage(other)
    if codes[0] in others or others[0] in codes:
        return True
    shared = set(codes) & set(others)
    return bool(shared & {"airspace_opacity", "lung_lesion"})


def _opposite(sides: Sides, others: Sides) -> bool:
    return bool(others) and others != BOTH and not sides & others


def _certain(one: Stated) -> bool:
    return one.mention.polarity is Certainty.PRESENT


def _both_sections(read: ReadReport, lang: Lang) -> Iterator[Stated]:
    for section in Section:
        yield from stated(read, lang, section)


def _is_meant(one: Stated, code: str) -> bool:
    if one.code == code:
        return True
    # Two fractures are of two bones until they have one code.
    shared = (set(lineage(code)) & set(lineage(one.code))) - {"fracture"}
    # A request for a lesion or a pneumonia means the lesion, the filled air spaces of the report.
    return bool(shared - relations().broad | shared & {"airspace_opacity", "lung_lesion"})


@lru_cache(maxsize=512)
def _asked(reason: str, lang: Lang) -> dict[str, Sides]:
    """Return the findings that a request names with their side; where the finding has none, the
    only side that the request names."""
    named = named_sides(reason, lang)
    asked: dict[str, Sides] = {}
    for mention in _mentions(reason, lang):
        sides = sides_of(mention) or (named if len(named) == 1 else frozenset())
        code = counted_as(mention.code)
        if len(sides) == 1 and (code not in relations().broad or code == "lung_lesion"):
            asked[code] = asked.get(code, frozenset()) | sides
    return {code: sides for code, sides in asked.items() if len(sides) == 1}


def _mentions(reason: str, lang: Lang) -> Iterator[Mention]:
    # In a report these words say that a clause is no finding of it; a request is all of them.
    for pattern, instead in _SHORT_ZH if lang == "zh" else ():
        reason = pattern.sub(instead, reason)
    for mention in extract(_PURPOSE.sub("", reason), lang, Region.CHEST):
        known = vocabulary()[mention.code]
        if known.kind is not Kind.NORMAL and mention.polarity is not Certainty.ABSENT:
            yield mention


@lru_cache(maxsize=512)
def _request(reason: str, lang: Lang) -> ReadSentence:
    """Return a request as a sentence, for its names."""
    sentence = Sentence("request", (Wording(lang, reason, Origin.PERSON),))
    return ReadSentence(sentence, Section.FINDINGS, {})


def _details(one: Stated) -> dict[str, str]:
    return {"finding_zh": one.name("zh"), "finding_en": one.name("en")}
