"""Devices that one place names and another denies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from radraft.reports.checks.pointing import words_of
from radraft.reports.checks.stated import Stated, one_finding, places_meet, stated
from radraft.reports.checks.values import Issue, Pointer, ReadReport, Severity
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import LANGS, Lang, Section

_KEPT = 8192
_FIXED = frozenset(
    ("sternotomy_wires", "orthopedic_hardware", "surgical_clips", "prosthetic_valve", "stent")
)
"""What "hardware" and "metal" name."""
_NO_HARDWARE: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:no|without)\b[^.;,]*\b(?P<what>(?:surgical |metallic |orthopa?edic )?(?:hardware|"
        r"metal|"
        r"implants?|instrumentation)|metallic (?:density|densities|objects?|foreign bod(?:y|"
        r"ies)))\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"(?:未见|无|没有)[^，。；,;]*(?P<what>钢丝|金属|内固定|[植置]入物|内植物)"),
}
_REMOVED: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:removed|removal|previous\w*|prior|no longer|former)\b", re.IGNORECASE),
    "zh": re.compile("拔除|移除|拆除|取出|既往|原"),
}


class DeviceDenied:
    """A tube, a wire or an implant that is named in one sentence and denied in another."""

    code = "device_denied"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the denial of each such pair, once."""
        for lang in LANGS:
            said = [
                one
                for section in Section
                for one in stated(read, lang, section)
                if vocabulary()[one.code].kind is Kind.DEVICE
            ]
            named = [one for one in said if one.present and not _REMOVED[one.lang].search(one.text)]
            told = set()
            for denied in (one for one in said if one.absent):
                against = next((one for one in named if _denies(denied, one)), None)
                if against is not None and denied.read.sentence.id not in told:
                    told.add(denied.read.sentence.id)
                    yield self._issue(denied.read.sentence.id, denied.pointer, against)
            for sentence in read.sentences:
                text = sentence.sentence.text(lang)
                found = _no_hardware(text, lang) if text else None
                against = next(
                    (one for one in named if one.code in _FIXED and one.read is not sentence), None
                )
                if found and against and sentence.sentence.id not in told:
                    pointer = words_of(sentence, lang, *found)
                    yield self._issue(sentence.sentence.id, pointer, against)

    def _issue(self, sentence_id: str, denial: Pointer, against: Stated) -> Issue:
        return Issue(
            self.code,
            self.severity,
            sentence_id,
            denial.lang,
            (denial, against.pointer),
            details={"finding_zh": against.name("zh"), "finding_en": against.name("en")},
        )


def _denies(denied: Stated, named: Stated) -> bool:
    return (
        denied.read is not named.read
        and one_finding(named, denied)
        and places_meet(named.mention, denied.mention)
    )


@lru_cache(maxsize=_KEPT)
def _no_hardware(text: str, lang: Lang) -> tuple[int, int] | None:
    found = _NO_HARDWARE[lang].search(text)
    return None if found is None else found.span("what")
