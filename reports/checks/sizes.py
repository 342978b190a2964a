"""Sizes and measures: possible at all, and the same in both sections and in the prior."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from radraft.reports.checks.measures import Measure, measured_things, measures, most_of_little
from radraft.reports.checks.nouns import share_noun
from radraft.reports.checks.pointing import issue_about, texts_of, words_of
from radraft.reports.checks.sides import named_sides
from radraft.reports.checks.values import Issue, ReadReport, ReadSentence, Severity
from radraft.reports.values import Lang, Section

_KEPT = 8192
# The unit may follow after more factors: both numbers of "1.2 x 3.4 cm" are centimetres.
_NUMBER = re.compile(
    r"(?<![\d.])(?P<number>\d+(\.\d+)?)"
    r"(?P<cm>(?=(\s*[x×*]\s*\d+(\.\d+)?)*\s*(cm|厘米|公分)))?",
    re.IGNORECASE,
)
# Nothing in a patient is given in metres; a dose, a distance of the tube or a speed may be.
_METRES: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"(?<![\w.])\d+(?:\.\d+)? ?(?:m|met(?:er|re)s?)\b(?![/²^2-])(?! (?:walk|away|"
        r"distance|fall|per))"
    ),
    "zh": re.compile(
        r"(?<![\w.])\d+(?:\.\d+)? ?(?:m(?![a-zA-Z²³/2])|米(?![²³]))|"
        r"(?<=[径约厚宽长])\d+(?:\.\d+)? ?m(?![a-zA-Z²³/2])"
    ),
}
_GROWN: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:increas\w+|enlarg(?:ed|ing)|grown|growth|larger|bigger)\b", re.I),
    "zh": re.compile("增大|变大|扩大|较前大"),
}
_SHRUNK: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:decreas\w+|shrunk\w*|smaller|reduc\w+|diminish\w+)\b", re.I),
    "zh": re.compile("缩小|变小|减小|较前小"),
}
_RATIO = re.compile(
    r"(?:(?:cardi\w+|heart|transverse)\W{0,3}(?:\w+\W+){0,3}?(?:thora\w+|chest)\W{0,2}"
    r"(?:diameter )?(?:ratio|index|proportion|quotient)|"
    r"(?:ratio|index|proportion) of (?:the )?heart (?:to|and|over) (?:the )?(?:thorax|chest)"
    r"(?: width)?|cardiothoracic|\bct ratio|\bctr\b|"
    r"心[脏影]?[/／与:：]?胸[廓腔]?(?:之?[比率]|横径|指数)[比例率值]*|与胸廓比)"
    r"[^\d.;。；，,%]{0,20}(?P<value>\d+(?:\.\d+)?)(?P<percent>\s*[%％])?",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"(?P<value>\d+(?:\.\d+)?)\s*(?:[%％]|percent\b|per cent\b)", re.IGNORECASE)
# What may be more than the whole: growth, and settings of the machine.
_BEYOND = re.compile(
    r"\b(?:increas\w*|grow\w*|grew|enlarg\w*|rise|risen|larger|more|magnif\w*|zoom\w*|predicted|normal|"
    r"exposure|expected)\b|增大|增加|增多|增长|放大|缩放|预计|曝光",
    re.IGNORECASE,
)
_ANGLE = re.compile(
    r"(?P<value>\d+(?:\.\d+)?)\s*(?:°(?!\s?[CF])|degrees?\b(?! (?:c|f)\b)|度(?!数))", re.IGNORECASE
)
_MOST_DEGREES = 180.0


_MOST = 500.0
"""Millimetres that nothing in an examination has."""
_MOST_DISTANCE = 200.0
"""Millimetres between two things that a report gives."""


def numbers(text: str) -> frozenset[float]:
    """Return the numbers written in digits; lengths in centimetres as millimetres."""
    found = set()
    for match in _NUMBER.finditer(text):
        value = float(match["number"])
        found.add(round(value * 10, 6) if match["cm"] is not None else value)
    return frozenset(found)


class ImpossibleSize:
    """A length, a ratio or a share that nothing in a patient has: often a unit mistaken."""

    code = "size_impossible"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with one; `mend` has the millimetres where centimetres are meant."""
        for sentence, lang, text in texts_of(read):
            if found := _impossible(text, lang):
                span, mend = found
                yield replace(issue_about(self, sentence, lang, span), mend=mend)


class SizeOfSections:
    """A thing that has another size in the impression than in the findings."""

    code = "size_sections"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence of the impression."""
        for one, against in _pairs(read):
            if not _same(one.measure.lengths, against.measure.lengths):
                yield _differs(self, one, against)


class OrderOfLengths:
    """A thing whose lengths stand in another order in the impression than in the findings."""

    code = "size_order"
    severity = Severity.HINT

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the sentence that has the smaller length first."""
        for one, against in _pairs(read):
            lengths, others = one.measure.lengths, against.measure.lengths
            if _same(lengths, others) and len(lengths) == len(others) > 1:
                if lengths[0] < lengths[1] and others[0] > others[1]:
                    yield _differs(self, one, against)
                elif others[0] < others[1] and lengths[0] > lengths[1]:
                    yield _differs(self, against, one)


class SizeOfPrior:
    """An earlier size that the prior report does not give, or a growth that is none."""

    code = "size_prior"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with one."""
        for sentence, lang, text in texts_of(read):
            told = measures(text, lang)
            before = [measure for measure in told if measure.earlier and measure.thing]
            now = [measure for measure in told if not measure.earlier]
            for measure in before:
                known = _of_prior(read, lang, measure.thing)
                if known and not any(_same(measure.lengths, other.lengths) for other in known):
                    yield issue_about(self, sentence, lang, (measure.start, measure.end))
                    break
            else:
                if len(before) == len(now) == 1 and _against(text, lang, now[0], before[0]):
                    yield issue_about(self, sentence, lang, (now[0].start, now[0].end))


@dataclass(frozen=True)
class _Told:
    read: ReadSentence
    lang: Lang
    measure: Measure

    @property
    def clause(self) -> str:
        """The words around the measure, up to the next full stop, semicolon or other measure."""
        text = self.read.sentence.text(self.lang)
        others = [m for m in measures(text, self.lang) if m.start != self.measure.start]
        start = max((m.end for m in others if m.end <= self.measure.start), default=0)
        end = min((m.start for m in others if m.start >= self.measure.end), default=len(text))
        before = re.split(r"[;；。]|\.(?=\s)", text[start : self.measure.start])[-1]
        after = re.split(r"[;；。]|\.(?=\s|$)", text[self.measure.end : end])[0]
        return f"{before} {after}"


def _pairs(read: ReadReport) -> Iterator[tuple[_Told, _Told]]:
    """Yield each measure of the impression with the one of the findings that is of the same thing
    and comes nearest to it."""
    findings = list(_told(read, Section.FINDINGS))
    for one in _told(read, Section.IMPRESSION):
        same = [told for told in findings if _one_thing(told, one)]
        if same:
            lengths = one.measure.lengths
            yield one, min(same, key=lambda told: _apart(lengths, told.measure.lengths))


def _told(read: ReadReport, section: Section) -> Iterator[_Told]:
    for sentence in read.by_section[section]:
        for lang, text in sentence.texts():
            for measure in measures(text, lang):
                if not measure.earlier and not measure.distance:
                    yield _Told(sentence, lang, measure)


def _one_thing(one: _Told, other: _Told) -> bool:
    """Return whether two measures are of one thing: of one kind, or of one noun where the kind
    is not known, and on no two sides."""
    if one.lang != other.lang:
        return False
    sides = named_sides(one.clause, one.lang)
    others = named_sides(other.clause, other.lang)
    if sides and others and not sides & others:
        return False
    if one.measure.thing is not None and one.measure.thing == other.measure.thing:
        return True
    return share_noun(one.clause, other.clause, one.lang)


def _apart(lengths: tuple[float, ...], others: tuple[float, ...]) -> float:
    pairs = zip(sorted(lengths, reverse=True), sorted(others, reverse=True), strict=False)
    return max(abs(one - other) for one, other in pairs)


def _same(lengths: tuple[float, ...], others: tuple[float, ...]) -> bool:
    """Return whether two measures are of one size, as far as both go, but for rounding."""
    pairs = zip(sorted(lengths, reverse=True), sorted(others, reverse=True), strict=False)
    return all(
        abs(one - other) <= max(1.5, min(3.5, 0.08 * max(one, other))) for one, other in pairs
    )


def _differs(check: SizeOfSections | OrderOfLengths, one: _Told, against: _Told) -> Issue:
    other = words_of(against.read, against.lang, against.measure.start, against.measure.end)
    span = (one.measure.start, one.measure.end)
    issue = issue_about(check, one.read, one.lang, span, other)
    text = against.read.sentence.text(against.lang)
    said = text[against.measure.start : against.measure.end].strip()
    return replace(issue, details={**issue.details, "other": said})


def _of_prior(read: ReadReport, lang: Lang, thing: str | None) -> list[Measure]:
    """Return what the newest prior with sizes gives for a kind of thing."""
    for prior in read.study.priors or ():
        found = [
            measure
            for language, text in prior.texts
            if language == lang
            for line in re.split(r"[。\n]|(?<=[a-z])\.\s", text)
            for measure in measures(line, lang)
            if measure.thing == thing
        ]
        if found:
            return found
    return []


def _against(text: str, lang: Lang, now: Measure, before: Measure) -> bool:
    grown, shrunk = _GROWN[lang].search(text), _SHRUNK[lang].search(text)
    if bool(grown) == bool(shrunk):
        return False
    return (
        max(now.lengths) < max(before.lengths) if grown else max(now.lengths) > max(before.lengths)
    )


@lru_cache(maxsize=_KEPT)
def _impossible(text: str, lang: Lang) -> tuple[tuple[int, int], str | None] | None:
    """Return the span of a measure that cannot be, and its words with the unit that can."""
    for measure in measures(text, lang):
        if _fits(text, lang, measure):
            continue
        words = text[measure.start : measure.end]
        mended = replace(measure, lengths=tuple(length / 10 for length in measure.lengths))
        of_centimetres = min(measure.lengths) > 0 and _fits(text, lang, mended)
        return (measure.start, measure.end), _in_millimetres(words) if of_centimetres else None
    if metres := _METRES[lang].search(text):
        return metres.span(), None
    for ratio in _RATIO.finditer(text):
        value = float(ratio["value"]) / (
            100 if ratio["percent"] or float(ratio["value"]) > 20 else 1
        )
        if not 0.2 <= value <= 0.95:
            return ratio.span("value"), None
    for share in _PERCENT.finditer(text):
        if float(share["value"]) > 100 and not _BEYOND.search(text):
            return share.span(), None
    for angle in _ANGLE.finditer(text):
        if float(angle["value"]) > _MOST_DEGREES:
            return angle.span(), None
    return None


def _fits(text: str, lang: Lang, measure: Measure) -> bool:
    """Return whether what is measured has such lengths in a patient."""
    longest, shortest = max(measure.lengths), min(measure.lengths)
    if measure.distance:
        return shortest >= 0 and longest <= _MOST_DISTANCE
    thing = measured_things().get(measure.thing or "")
    if shortest <= 0:
        return False
    most = thing.most if thing else _MOST
    little = most_of_little(text, lang, measure)
    if little is not None and thing is not None:
        most = min(most, little)
    return (thing.least if thing else 0) <= longest <= most


def _in_millimetres(words: str) -> str | None:
    mended = re.sub(r"centimet(er|re)s?", r"millimet\1s", words, flags=re.IGNORECASE)
    for wrong, right in (("cm", "mm"), ("厘米", "毫米"), ("公分", "毫米"), ("㎝", "㎜")):
        mended = mended.replace(wrong, right)
    return mended if mended != words else None
