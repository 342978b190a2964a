"""Patient identity in a report's text, by the recognisers that de-identification uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from radraft.reports.checks._chinese_typos import is_known
from radraft.reports.checks.pointing import issue_at, words_of
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.studies.deid.recognisers import IdentitySpan, Kind
from radraft.studies.deid.text import find

_ALWAYS = frozenset(
    {
        Kind.PERSON,
        Kind.ID_CARD,
        Kind.PASSPORT,
        Kind.PHONE,
        Kind.RECORD,
        Kind.ADDRESS,
        Kind.EMAIL,
        Kind.ACCOUNT,
    }
)
_WITH_BIRTH = frozenset({Kind.DATE, Kind.NUMBER})
"""Reports name the dates of earlier examinations; a date of birth is identity."""
_BIRTH = re.compile(r"\bborn\b|\bbirth(?:date|day)?\b|\bd\.?o\.?b\b|出生|生于|生日", re.IGNORECASE)
_STAFF_BEFORE = re.compile(
    r"(?:\b(?:dr|drs|doctor|prof|professor|physician|nurse|radiologist|surgeon|by|rn|md|np|pa)\b"
    r"[\s.,:]*(?:[A-Z]\.?\s*)?|(?:医生|医师|主任|护士|教授|技师|临床|通知|告知|报告)[：:\s]*)$",
    re.IGNORECASE,
)
_STAFF_AFTER = re.compile(
    r"^[\s,]*(?:(?:md|m\.d|rn|np|do|pa-c|phd)\b|主任|医生|医师|护士|教授|大夫|技师)",
    re.IGNORECASE,
)
# A number that measures nothing: six figures in a row are no finding of a report, nor four behind
# a word that says what number they are. A day written without signs is one too (_DAY).
_NUMBER = re.compile(
    r"(?<![\w.])(?:[A-Za-z]{1,4}-?)?\d{6,}(?![\w.]*\d)|"
    r"(?<=[一-鿿])[A-Za-z]{0,4}-?\d{6,}(?![\w.]*\d)|"
    r"(?:\b(?:no|nr|num|number|id|code|file|folder|barcode|ref|reference)\b|#|号码?|编[号码]|条码)"
    r"[.:：# ]*(?P<labelled>[A-Za-z]{0,4}-?\d{4,})",
    re.IGNORECASE,
)
_DAY = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
# Who is spoken of by name in a bracket or behind a colon.
_CALLED = re.compile(
    r"\b(?:[Pp]atient|PATIENT|[Pp]t\.?|[Mm]other|[Ff]ather|[Ww]ife|[Hh]usband|[Ss]on|[Dd]aughter|"
    r"[Pp]arent|[Ss]pouse|[Kk]in)\b ?[(:,] ?"
    r"(?P<en>[A-Z][a-z'’-]+(?: [A-Z]\.?)? [A-Z][a-z'’-]+)(?=[),.;]|$)|"
    r"(?:患者|病人|受检者|被检者|患儿|产妇|孕妇|家属)(?:姓名)?[:：（(] ?(?P<zh>[一-鿿]{2,4})"
    r"(?=[，,、。；;）) ]|$)"
)
_NAMED_BEFORE = re.compile(
    r"(?:患者|病人|受检者|被检者|患儿|家属|姓名|陪同|通知|[父母]亲)[：:\s]*$"
)
_KEPT = 8192


class IdentityInText:
    """Words that say who the patient is. Names of doctors and nurses are none."""

    code = "identity_in_text"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield one issue for each language of a sentence, at all such words."""
        for sentence in read.sentences:
            for lang, text in sentence.texts():
                pointers = tuple(
                    words_of(sentence, lang, start, end) for start, end in identifying(text)
                )
                if pointers:
                    yield issue_at(self, sentence, lang, *pointers)


@lru_cache(maxsize=_KEPT)
def identifying(text: str) -> tuple[tuple[int, int], ...]:
    """Return the spans of `text` that say who a patient is, in order."""
    birth = _BIRTH.search(text) is not None
    spans = [(span.start, span.end) for span in find(text) if _identifies(span, text, birth)]
    for match in (*_NUMBER.finditer(text), *_CALLED.finditer(text)):
        start, end = match.span(match.lastgroup or 0)
        day = _DAY.fullmatch(text, start, end) is not None
        if (birth or not day) and all(end <= a or b <= start for a, b in spans):
            spans.append((start, end))
    return tuple(sorted(spans))


def _identifies(span: IdentitySpan, text: str, birth: bool) -> bool:
    if span.kind in _WITH_BIRTH:
        return birth
    if span.kind not in _ALWAYS:
        return False
    return span.kind != Kind.PERSON or not (
        _STAFF_BEFORE.search(text[: span.start])
        or _STAFF_AFTER.search(text[span.end :])
        or _is_of_the_field(text, span.start)
    )


def _is_of_the_field(text: str, start: int) -> bool:
    """Return whether what looks like a Chinese name is a word of reports: 窦道, 子宫肌瘤."""
    if _NAMED_BEFORE.search(text[:start]):
        return False
    return is_known(text[start : start + 2]) or (
        start > 0 and is_known(text[start - 1 : start + 1])
    )
