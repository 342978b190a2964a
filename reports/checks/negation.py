"""What is stated in one place and denied in another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product

from radraft.reports.checks.named import NamedFinding, named, one_name, places_of_names_meet
from radraft.reports.checks.pointing import issue_about, issue_at, whole
from radraft.reports.checks.stated import OLD, Stated, one_finding, places_meet, relations, stated
from radraft.reports.checks.values import Check, Issue, ReadReport, Severity
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import LANGS, Lang, Section

_ACUTE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:acute|new|recent|active|interval)\b", re.IGNORECASE),
    "zh": re.compile("急性|新发|新鲜|活动性|新出现|新的"),
}
# A denial of only some: "no large effusion" beside a small one.
_LIMITS: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:large|sizeable|sizable|moderate|massive|other|further|additional|significant|gross|"
        r"frank|overt|focal|lobar|confluent|suspicious|dominant|tension|displaced|complicat\w*|"
        r"pathologic\w*|bulky|discrete|measurable|convincing|residual|more|else|worsening|"
        r"increas\w+|enlarging|associated|definite|destructive|aggressive|dense)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "大量|除此|其他|其它|另外|进一步|局灶|显著|重大|张力性|移位|错位|可疑|相关|伴随|更多|余|"
        "残留|病灶性|大的|增多|增大|扩大|破坏性"
    ),
}
_DENIED_AFTER = re.compile(r"\W*(?:的?诊断)?(?:是|为|呈|的)?阴性|\W*(?:is |are )?negative\b", re.I)
"""A denial that follows what it denies: 急性异常阴性."""
_KIND_LIMITS = re.compile(
    "focal|lobar|confluent|dense|discrete|suspicious|局灶|病灶性", re.IGNORECASE
)
"""Limits of what the next finding looks like, not of how much of everything there is."""
_FOCAL = re.compile("focal|局灶|病灶性", re.IGNORECASE)
"""What has a place is focal."""
_SEPARATOR = re.compile(r"[,，、]|\b(?:or|nor|and)\b|[或和及]", re.IGNORECASE)
_STEM = 7
"""Letters that "displaced" and "displacement" have in common."""
_GENERIC: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"^\W*(?:there (?:is|are) )?(?:an? )?(?:evidence of )?(?:acute|"
        r"active)(?:,? (?:or )?(?:acute|active|"
        r"focal))? (?:radiographic |radiological |intra-?thoracic |cardio-?pulmonary |"
        r"cardio-?vascular |pulmonary |cardiac |"
        r"chest |"
        r"thoracic |osseous |bony |intracranial |abdominal |pleural |airspace |or |and )*"
        r"(?:abnormalit(?:y|ies)|process(?:es)?|diseases?|findings?|patholog(?:y|ies)|changes?|"
        r"infiltrates?|illness|disorder)(?: (?:is |are )?(?:seen|identified|noted|present|"
        r"evident))?\W*$",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "^\\W*(?:可?见|有|存在|显示|提示)?(?:明显|明确)?(?:的)?(?:急性|活动性)(?:的)?(?:心肺|肺部|"
        "胸部|胸腔|心脏|心血管|骨质|颅内)"
        "+(?:的)?(?:功能)?(?:异常|疾病|病变|过程|改变|问题|发现|表现|病理)|^\\W*(?:可见|有|存在)(?:急性|活动性)?心肺(?:功能)?(?:疾病|异常|病变)"
    ),
}
_DENIED: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:no|not|without|negative|normal|clear|unremarkable)\b", re.IGNORECASE),
    "zh": re.compile("未|无|没有|没|阴性|正常|清晰|除外|排除"),
}


_GONE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:resol\w+|cleared|clearing|no longer|disappear\w*|removed|previous\w*|prior|"
        r"history)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("吸收|消失|消散|消退|既往|病史|原有|以前|先前"),
}
"""Words of what is no more, or was: its denial contradicts nothing."""


class DeniedWithin:
    """A finding that one section both states and denies."""

    code = "negation_within"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the later sentence of each such pair, once."""
        for lang in LANGS:
            for section in Section:
                told: set[str] = set()
                said = tuple(stated(read, lang, section))
                pairs = ((first, second) for n, second in enumerate(said) for first in said[:n])
                yield from _contradictions(self, pairs, told)
                names = tuple(named(read, lang, section))
                yield from _of_names(
                    self,
                    ((first, second) for n, second in enumerate(names) for first in names[:n]),
                    told,
                )


class DeniedInImpression:
    """A finding that one section states and the other denies."""

    code = "negation_impression"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the sentence of the impression of each such pair, once."""
        for lang in LANGS:
            told: set[str] = set()
            findings = tuple(stated(read, lang, Section.FINDINGS))
            impression = stated(read, lang, Section.IMPRESSION)
            yield from _contradictions(self, product(findings, impression), told)
            names = product(
                tuple(named(read, lang, Section.FINDINGS)), named(read, lang, Section.IMPRESSION)
            )
            yield from _of_names(self, names, told)


class AbnormalWithoutFinding:
    """An impression that concludes "acute abnormality" and names none: its "no" was lost."""

    code = "impression_abnormal"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        for sentence in read.by_section[Section.IMPRESSION]:
            for lang, text in sentence.texts():
                found = _GENERIC[lang].search(text)
                if found is not None and not _denies(text, lang, found.end()):
                    span = whole(sentence, lang)
                    yield issue_about(self, sentence, lang, (span.start, span.end))


def _denies(text: str, lang: Lang, end: int) -> bool:
    """Return whether the words up to `end` are denied before them or right after."""
    before = _DENIED[lang].search(text[:end])
    return before is not None or _DENIED_AFTER.match(text, end) is not None


def _contradictions(
    check: Check, pairs: Iterable[tuple[Stated, Stated]], told: set[str]
) -> Iterator[Issue]:
    """Yield the second of each two sentences of which one denies what the other states, and add it
    to those told of."""
    for first, second in pairs:
        here = second.read.sentence.id
        if first.read.sentence.id == here or here in told:
            continue
        if (first.present and second.absent and _contradict(first, second)) or (
            first.absent and second.present and _contradict(second, first)
        ):
            told.add(here)
            details = {"finding_zh": second.name("zh"), "finding_en": second.name("en")}
            yield issue_at(
                check, second.read, second.lang, second.pointer, first.pointer, details=details
            )


def _of_names(
    check: Check, pairs: Iterable[tuple[NamedFinding, NamedFinding]], told: set[str]
) -> Iterator[Issue]:
    """Yield the second of each two sentences of which one denies what the other states, of findings
    outside the vocabulary."""
    for first, second in pairs:
        here = second.read.sentence.id
        if first.read.sentence.id == here or here in told:
            continue
        if (first.present and second.absent and _names_contradict(first, second)) or (
            first.absent and second.present and _names_contradict(second, first)
        ):
            told.add(here)
            details = {"finding_zh": second.words, "finding_en": second.words}
            yield issue_at(
                check, second.read, second.lang, second.pointer, first.pointer, details=details
            )


def _names_contradict(present: NamedFinding, absent: NamedFinding) -> bool:
    """Return whether a denial denies what the other sentence names, there and of that kind."""
    if not one_name(present, absent) or not places_of_names_meet(present, absent):
        return False
    lang = absent.lang
    if _GONE[lang].search(present.text) or _GONE[lang].search(absent.text):
        return False
    if _ACUTE[lang].search(absent.text) and OLD[lang].search(present.text):
        return False
    before = re.split(r"[.;:。；：]", absent.text[: absent.start])[-1]
    limit = _LIMITS[lang].search(before)
    return limit is None or limit[0].lower()[:_STEM] in present.text.lower()


def _contradict(present: Stated, absent: Stated) -> bool:
    """Return whether a denial denies what the other mention states, there and of that kind."""
    if not one_finding(present, absent) or not places_meet(present.mention, absent.mention):
        return False
    if present.mention.change is Change.RESOLVED or absent.mention.change is Change.RESOLVED:
        return False
    if absent.code in relations().broad or vocabulary()[absent.code].kind is Kind.DEVICE:
        return False
    lang = absent.lang
    new_only = _ACUTE[lang].search(absent.text) and not OLD[lang].search(absent.text)
    if new_only and OLD[lang].search(present.text):
        return False
    limit = _LIMITS[lang].search(_before(absent))
    if limit is None or limit[0].lower()[:_STEM] in present.text.lower():
        return True
    if not _KIND_LIMITS.fullmatch(limit[0]):
        return False
    # "No focal infiltrate, pneumothorax": focal is said of the first alone.
    if _SEPARATOR.search(_before(absent)[limit.end() :]):
        return True
    has_place = bool(present.mention.laterality or present.mention.anatomy)
    return has_place and _FOCAL.fullmatch(limit[0]) is not None


def _before(denied: Stated) -> str:
    """Return the words of a denial before its finding, back to the clause's beginning."""
    text = (
        denied.text[: denied.mention.start] if denied.mention.end else denied.text.rstrip(" 。.；;")
    )
    return re.split(r"[.;:。；：]", text)[-1]
