"""Patient identity in a report's text, by the recognisers that de-identification uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

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
    return tuple((span.start, span.end) for span in find(text) if _identifies(span, text, birth))


def _identifies(span: IdentitySpan, text: str, birth: bool) -> bool:
    if span.kind in _WITH_BIRTH:
        return birth
    if span.kind not in _ALWAYS:
        return False
    return span.kind != Kind.PERSON or not (
        _STAFF_BEFORE.search(text[: span.start]) or _STAFF_AFTER.search(text[span.end :])
    )
