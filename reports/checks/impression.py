"""Findings that the impression leaves out, and an impression that the findings do not bear."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from radraft.reports.checks.bilingual import named_terms
from radraft.reports.checks.measures import measures
from radraft.reports.checks.named import (
    NamedFinding,
    kin,
    named,
    names_of,
    organs_meet,
    places_of_names_meet,
)
from radraft.reports.checks.nouns import share_noun
from radraft.reports.checks.pointing import issue_at
from radraft.reports.checks.sides import named_sides
from radraft.reports.checks.stated import (
    OLD,
    SMALL,
    Stated,
    levels_meet,
    one_finding,
    related,
    relations,
    sides_may_meet,
    sides_of,
    stated,
)
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, lineage, vocabulary
from radraft.reports.values import LANGS, Certainty, Lang, Laterality, Section

_ABOVE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:as|see|detailed|described|noted|discussed) (?:above|findings|below)\b|"
        r"\babove findings\b|\bfindings above\b|\bsee (?:body|report|text)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("如上|同上|见所见|见上|请见|上述"),
}
_HISTORY: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:known|history|status post|s/p|prior|previous\w*|please note|risk|may not|cannot|"
        r"limited|negative|screening|exclude|rule out)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("病史|术后|已知|既往|以前|先前|排除|除外|待排|筛查"),
}


_SIZEABLE = 8.0
"""Millimetres from which on a nodule is not small."""
_TRACE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:trace|tiny|minimal)\b", re.IGNORECASE),
    "zh": re.compile("微量|极少|痕量"),
}
_ANY_SIZE = frozenset({"pneumothorax", "pleural_effusion", "shoulder_dislocation"})
"""What an impression names however small."""


class LeftOutOfImpression:
    """An important finding that the impression does not mention in any way."""

    code = "impression_omits"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence of the findings with one, in reports that have an impression."""
        for lang in LANGS:
            if not _concludes(read, lang):
                continue
            concluded = tuple(stated(read, lang, Section.IMPRESSION))
            told: set[str] = set()
            lesions = tuple(_lesions(read, lang, Section.IMPRESSION))
            described = tuple(named(read, lang, Section.FINDINGS))
            names = tuple(named(read, lang, Section.IMPRESSION))
            for finding in stated(read, lang, Section.FINDINGS):
                if (
                    finding.read.sentence.id not in told
                    and is_important(finding)
                    and not any(is_named(finding, one) for one in concluded)
                    and not _is_named_by(finding, names, described)
                    and not any(
                        sides_may_meet(sides_of(finding.mention), sides) for sides in lesions
                    )
                ):
                    told.add(finding.read.sentence.id)
                    yield _issue(self, finding)
            yield from self._of_names(read, lang, concluded, told)

    def _of_names(
        self, read: ReadReport, lang: Lang, concluded: tuple[Stated, ...], told: set[str]
    ) -> Iterator[Issue]:
        """Yield those of findings outside the vocabulary."""
        findings = tuple(named(read, lang, Section.FINDINGS))
        names = tuple(named(read, lang, Section.IMPRESSION))
        for finding in findings:
            if (
                finding.read.sentence.id not in told
                and finding.important
                and finding.present
                and not _is_judged(finding)
                and not _is_old_or_small(
                    finding.text, lang, finding.start, sized=_is_sizeable(finding)
                )
                and not any(_named_alike(finding, name) for name in _free(finding, names, findings))
                and not _describes(finding, concluded)
            ):
                told.add(finding.read.sentence.id)
                yield _issue_of_name(self, finding)


class WithoutFinding:
    """An impression that states a finding of which the findings say nothing."""

    code = "impression_extra"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence, in reports that have findings."""
        for lang in LANGS:
            described = [s for s in read.by_section[Section.FINDINGS] if s.sentence.text(lang)]
            if not described:
                continue
            found = [o for o in stated(read, lang, Section.FINDINGS) if not o.absent]
            told: set[str] = set()
            for one in stated(read, lang, Section.IMPRESSION):
                if (
                    one.read.sentence.id not in told
                    and one.present
                    and one.code not in relations().interpreted
                    and not _HISTORY[lang].search(one.text)
                    and vocabulary()[one.code].kind is Kind.FINDING
                    and not any(is_described(one, other) for other in found)
                ):
                    told.add(one.read.sentence.id)
                    yield _issue(self, one)
            yield from self._of_names(read, lang, found, told)

    def _of_names(
        self, read: ReadReport, lang: Lang, found: list[Stated], told: set[str]
    ) -> Iterator[Issue]:
        """Yield those of findings outside the vocabulary."""
        described = [one for one in named(read, lang, Section.FINDINGS) if not one.absent]
        concluded = tuple(named(read, lang, Section.IMPRESSION))
        # What is concluded from other findings is concluded from nothing where there are none.
        lesions = tuple(_lesions(read, lang, Section.FINDINGS))
        nothing = not described and not found and not _something(read, lang)
        for one in concluded:
            if (
                one.read.sentence.id not in told
                and one.present
                and (nothing or not (one.concluded or _is_read(one)))
                and not _HISTORY[lang].search(one.text)
                and (one.places or not one.needs_organ)
                and not any(_named_alike(one, other) for other in _free(one, described, concluded))
                and not any(sides_may_meet(one.sides, sides) for sides in lesions)
                and not _describes(one, found)
            ):
                told.add(one.read.sentence.id)
                yield _issue_of_name(self, one)


def _is_read(name: NamedFinding) -> bool:
    """Return whether the finding reader gives a code of these very words: the check of codes has
    judged it."""
    return any(
        mention.start <= name.start and name.end <= mention.end
        for mention in name.read.mentions.get(name.lang, ())
    )


def _is_judged(name: NamedFinding) -> bool:
    """Return whether the finding reader gives an important code of these very words."""
    important = relations().important
    return any(
        mention.start <= name.start
        and name.end <= mention.end
        and mention.polarity is not Certainty.UNCERTAIN
        and (vocabulary()[mention.code].critical or important & set(lineage(mention.code)))
        for mention in name.read.mentions.get(name.lang, ())
    )


def _named_alike(one: NamedFinding, other: NamedFinding) -> bool:
    """Return whether two sections may mean one finding by two names."""
    if other.absent or not places_of_names_meet(one, other):
        return False
    if one.name == other.name or kin(one.name, other.name):
        return organs_meet(one, other) or one.name == other.name
    return share_noun(one.words, other.words, one.lang)


_LESION: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:lesions?|focus|foci|shadows?|process)\b", re.IGNORECASE),
    "zh": re.compile("病灶|病变|阴影|透亮影|圆形影|环形影"),
}
_NO_LESION: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:no|not|without|free of|negative|old|chronic|healed)\b", re.IGNORECASE),
    "zh": re.compile("未见|无|没有|陈旧"),
}


def _lesions(read: ReadReport, lang: Lang, section: Section) -> Iterator[frozenset[Laterality]]:
    """Yield the sides of what a section calls a lesion, without saying of which kind."""
    for sentence in read.by_section[section]:
        text = sentence.sentence.text(lang)
        if _LESION[lang].search(text) and not _NO_LESION[lang].search(text):
            yield named_sides(text, lang)


_SOMETHING: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:lesions?|foc(?:us|i)|shadows?|process|densit\w+|chang\w+|area|lines?|markings?|"
        r"enlarged|prominent|irregular\w*|asymmetr\w*)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("(?<!心)影(?!像|响)|灶|病|改变|线|高密|增多|增大|不规则|不对称"),
}


def _something(read: ReadReport, lang: Lang) -> bool:
    """Return whether the findings say, in words however general, that there is something."""
    texts = (sentence.sentence.text(lang) for sentence in read.by_section[Section.FINDINGS])
    return any(
        _SOMETHING[lang].search(text) is not None and _NO_LESION[lang].search(text) is None
        for text in texts
    )


def _free(
    one: NamedFinding, others: Sequence[NamedFinding], section: Sequence[NamedFinding]
) -> Iterator[NamedFinding]:
    """Yield those of the other section that no name of `one`'s own section but its own says."""
    taken = {name.name for name in section if name.name != one.name and not name.absent}
    yield from (other for other in others if other.name not in taken)


def _is_named_by(
    finding: Stated, names: Sequence[NamedFinding], described: Sequence[NamedFinding]
) -> bool:
    """Return whether the impression has a name, outside the vocabulary, that may mean it there and
    that nothing else described has."""
    sides, inside = sides_of(finding.mention), _in_text_of(finding)
    taken = {one.name for one in described if one.name not in inside and not one.absent}
    return any(
        not name.absent
        and name.name not in taken
        and not _is_read(name)
        and sides_may_meet(sides, name.sides)
        and any(inner in (name.name, "lesion") or kin(inner, name.name) for inner in inside)
        for name in names
    )


def _describes(name: NamedFinding, others: Sequence[Stated]) -> bool:
    """Return whether the other section states by a code, at such a place, what may be meant."""
    return any(
        _named_alike(name, inner)
        for other in others
        if not other.absent and sides_may_meet(name.sides, sides_of(other.mention))
        for inner in names_of(other.read, other.lang)
        if inner.start < other.mention.end and other.mention.start < inner.end
    )


def _in_text_of(stated_one: Stated) -> frozenset[str]:
    """Return the names that stand in the words of a mention."""
    mention = stated_one.mention
    return frozenset(
        term.concept.name
        for term in named_terms(stated_one.text, stated_one.lang).terms
        if term.start < mention.end and mention.start < term.end
    )


def is_described(concluded: Stated, found: Stated) -> bool:
    """Return whether what the findings say may be what the impression concludes."""
    if "fracture" in lineage(concluded.code) and not levels_meet(concluded.mention, found.mention):
        return False
    if one_finding(concluded, found):
        return True
    meet = sides_may_meet(sides_of(concluded.mention), sides_of(found.mention))
    return meet and related(concluded.code, found.code)


def is_named(finding: Stated, concluded: Stated) -> bool:
    """Return whether the impression may mean this finding: one name, or related at one place."""
    if one_finding(finding, concluded):
        return True
    lang = finding.lang
    if OLD[lang].search(concluded.text) and not OLD[lang].search(finding.text):
        return False
    meet = sides_may_meet(sides_of(finding.mention), sides_of(concluded.mention))
    return meet and not concluded.absent and related(finding.code, concluded.code)


def _concludes(read: ReadReport, lang: Lang) -> bool:
    """Return whether the report has an impression that stands by itself."""
    texts = [s.sentence.text(lang) for s in read.by_section[Section.IMPRESSION]]
    return any(text.strip() for text in texts) and not any(
        _ABOVE[lang].search(text) for text in texts
    )


def is_important(finding: Stated) -> bool:
    """Return whether an impression ought to name it: important, certain, new and not small."""
    codes = set(lineage(finding.code))
    known = vocabulary()[finding.mention.code]
    mention = finding.mention
    sized = max(mention.size_mm, default=0) >= _SIZEABLE or (
        finding.code in _ANY_SIZE
        and not _TRACE[finding.lang].search(_phrase(finding.text, mention.start))
    )
    return (
        finding.present
        and mention.change not in (Change.STABLE, Change.RESOLVED, Change.DECREASED)
        and (known.critical or bool(codes & relations().important))
        and finding.code != "old_rib_fracture"
        and not _is_old_or_small(finding.text, finding.lang, mention.start, sized=sized)
    )


def _is_sizeable(finding: NamedFinding) -> bool:
    """Return whether the sentence gives a size that counts."""
    sizes = (measure for measure in measures(finding.text, finding.lang) if not measure.distance)
    return max((max(size.lengths) for size in sizes), default=0) >= _SIZEABLE


def _is_old_or_small(text: str, lang: Lang, start: int, *, sized: bool) -> bool:
    """Return whether a sentence says of its finding that it is old, or small where it has no size
    that counts."""
    if OLD[lang].search(text):
        return True
    return not sized and SMALL[lang].search(_phrase(text, start)) is not None


def _phrase(text: str, start: int) -> str:
    """Return the words of a finding's own clause: what follows a comma is said of another."""
    parts = re.split(r"[,;，；:：。]|\.(?=\s)", text)
    at = 0
    for part in parts:
        at += len(part) + 1
        if start < at:
            return part
    return text


def _issue_of_name(check: LeftOutOfImpression | WithoutFinding, one: NamedFinding) -> Issue:
    details = {"finding_zh": one.words, "finding_en": one.words}
    return issue_at(check, one.read, one.lang, one.pointer, details=details)


def _issue(check: LeftOutOfImpression | WithoutFinding, one: Stated) -> Issue:
    details = {"finding_zh": one.name("zh"), "finding_en": one.name("en")}
    return issue_at(check, one.read, one.lang, one.pointer, details=details)
