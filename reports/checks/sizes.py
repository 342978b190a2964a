"""Sizes and measures: possible at all, and the same in both sections and in the prior."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

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
_UNIT = r"mm|cm|㎜|㎝|毫米|厘米|公分|millimet(?:er|re)s?|centimet(?:er|re)s?"
_VALUE = r"\d+(?:[.,]\d+)?"
_MEASURE = re.compile(
    rf"(?<![\w.-])(?P<minus>[-−–])?(?P<first>{_VALUE})\s*(?P<unit1>{_UNIT})?"
    rf"(?:\s*(?:[x×*＊X]|乘|by)\s*(?P<second>{_VALUE})\s*(?P<unit2>{_UNIT})?)?"
    rf"(?:\s*(?:[x×*＊X]|乘|by)\s*(?P<third>{_VALUE})\s*(?P<unit3>{_UNIT})?)?"
    rf"(?:(?<=[\d])\s*(?P<unit>{_UNIT}))?",
    re.IGNORECASE,
)
_MEASURE_ZH = re.compile(_MEASURE.pattern.replace(r"(?<![\w.-])", r"(?<![\d.A-Za-z-])"), re.I)
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
_CENTIMETRES = re.compile("c|厘|公|㎝", re.IGNORECASE)


@dataclass(frozen=True)
class _Thing:
    """What is measured, and the most millimetres that it has in a patient."""

    name: str
    most: float
    en: str
    zh: str


_THINGS = (
    _Thing(
        "stripe",
        60,
        r"(?:paratracheal|tracheal|paraspinal|aortopulmonary) (?:stripe|line|wall)|stripes?",
        "旁线|气管旁|条带",
    ),
    _Thing("tube", 150, r"(?:above|from|to) the carina", "隆突"),
    _Thing("nodule", 50, r"nodul\w*|granulomas?|micronodules?", "结节|肉芽肿"),
    _Thing("cavity", 150, r"cavit\w+|bullae?|cysts?|cystic", "空洞|空腔|大泡|大疱|囊肿"),
    _Thing(
        "thickening",
        100,
        r"pleural thickening|thickening|wall|blebs?|plaques?",
        "胸膜增厚|增厚|壁厚|斑块",
    ),
    _Thing("pneumothorax", 250, r"pneumothora\w+|pleural line", "气胸|压缩带|肺边缘"),
    _Thing("node", 100, r"(?:lymph )?nodes?|lymphadenopathy|adenopathy", "淋巴结"),
    _Thing("vessel", 150, r"aneurysms?\w*|aort\w+|pulmonary arter\w+", "动脉瘤|主动脉|肺动脉"),
    _Thing(
        "mass", 300, r"mass(?:es)?|lesions?|tumou?rs?|neoplasms?", "肿块|占位|肿物|团块|病灶|病变"
    ),
    _Thing("effusion", 250, r"effusions?|collections?|haematoma|hematoma", "积液|液性|血肿"),
    _Thing("opacity", 300, r"opacit\w+|densit\w+|consolidations?", "密度影|实变|不透明|阴影|密度"),
)
_MOST = 600.0
"""Millimetres that nothing in an examination has."""
_THING: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        "|".join(rf"(?P<{thing.name}>\b(?:{thing.en})\b)" for thing in _THINGS), re.IGNORECASE
    ),
    "zh": re.compile("|".join(f"(?P<{thing.name}>{thing.zh})" for thing in _THINGS)),
}
_BY_NAME = {thing.name: thing for thing in _THINGS}
_EARLIER: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:previous(?:ly)?|prior|formerly|was|were|from|earlier|had been|initially|"
        r"compared (?:to|with))"
        r"[^.;\d]{0,30}$",
        re.IGNORECASE,
    ),
    "zh": re.compile("(?:原|前片|上次|旧片|前次|之前|既往|此前|由)[^。；;\\d]{0,10}$"),
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
    r"(?:(?:cardio-?|heart-to-)?thora(?:cic|x) ratio|\bct ratio|\bctr\b|心胸比例?|心胸比率|"
    r"与胸廓比)[^\d.;。；，,%]{0,20}"
    r"(?P<value>\d+(?:\.\d+)?)(?P<percent>\s*[%％])?",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"(?P<value>\d+(?:\.\d+)?)\s*(?:[%％]|percent\b|per cent\b)", re.IGNORECASE)
_PART = re.compile(
    r"\b(?:height|compress\w+|loss|stenos\w+|narrow\w+|collapse\w*|occup\w+|hemithorax|volume|"
    r"pneumothora\w+)\b|"
    "压缩|狭窄|丢失|变扁|高度|萎陷|占",
    re.IGNORECASE,
)


def numbers(text: str) -> frozenset[float]:
    """Return the numbers written in digits; lengths in centimetres as millimetres."""
    found = set()
    for match in _NUMBER.finditer(text):
        value = float(match["number"])
        found.add(round(value * 10, 6) if match["cm"] is not None else value)
    return frozenset(found)


@dataclass(frozen=True)
class Measure:
    """A length, or two or three of one thing, in millimetres."""

    thing: str | None
    """What is measured, by its nearest word; None where no known word stands there."""
    lengths: tuple[float, ...]
    """As the text orders them; negative where a minus stands before the first."""
    earlier: bool
    """Whether it is that of an earlier examination."""
    start: int
    end: int


@lru_cache(maxsize=_KEPT)
def measures(text: str, lang: Lang) -> tuple[Measure, ...]:
    """Return the measures with a unit of length in `text`, in order."""
    things = [(m.start(), m.end(), m.lastgroup) for m in _THING[lang].finditer(text)]
    found = []
    for match in (_MEASURE if lang == "en" else _MEASURE_ZH).finditer(text):
        units = [match["unit1"], match["unit2"], match["unit3"], match["unit"]]
        last = next((unit for unit in reversed(units) if unit), None)
        if last is None:
            continue
        lengths = tuple(
            float(match[part].replace(",", ".")) * (10 if _CENTIMETRES.match(own or last) else 1)
            for part, own in zip(("first", "second", "third"), units, strict=False)
            if match[part]
        )
        if match["minus"]:
            lengths = (-lengths[0], *lengths[1:])
        near = min(
            things,
            key=lambda thing: max(thing[0] - match.end(), match.start() - thing[1]),
            default=(0, 0, None),
        )
        earlier = _EARLIER[lang].search(text[: match.start()]) is not None
        found.append(Measure(near[2], lengths, earlier, *match.span()))
    return tuple(found)


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
                if measure.thing and not measure.earlier:
                    yield _Told(sentence, lang, measure)


def _one_thing(one: _Told, other: _Told) -> bool:
    if one.lang != other.lang or one.measure.thing != other.measure.thing:
        return False
    sides = named_sides(one.read.sentence.text(one.lang), one.lang)
    others = named_sides(other.read.sentence.text(other.lang), other.lang)
    return not sides or not others or bool(sides & others)


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
        thing = _BY_NAME.get(measure.thing or "")
        most = thing.most if thing else _MOST
        least = min(measure.lengths)
        if max(measure.lengths) > most or least < 0 or (least == 0 and thing is not None):
            words = text[measure.start : measure.end]
            if least > 0 and max(measure.lengths) / 10 <= most:
                return (measure.start, measure.end), _in_millimetres(words)
            return (measure.start, measure.end), None
    if metres := _METRES[lang].search(text):
        return metres.span(), None
    for ratio in _RATIO.finditer(text):
        value = float(ratio["value"]) / (
            100 if ratio["percent"] or float(ratio["value"]) > 20 else 1
        )
        if not 0.2 <= value <= 0.95:
            return ratio.span("value"), None
    for share in _PERCENT.finditer(text):
        if float(share["value"]) > 100 and _PART.search(text):
            return share.span(), None
    return None


def _in_millimetres(words: str) -> str | None:
    mended = re.sub(r"centimet(er|re)s?", r"millimet\1s", words, flags=re.IGNORECASE)
    for wrong, right in (("cm", "mm"), ("厘米", "毫米"), ("公分", "毫米"), ("㎝", "㎜")):
        mended = mended.replace(wrong, right)
    return mended if mended != words else None
