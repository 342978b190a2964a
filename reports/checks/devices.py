"""Devices that one place names and another denies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from radraft.reports.checks.pointing import words_of
from radraft.reports.checks.sides import named_sides
from radraft.reports.checks.stated import (
    Stated,
    one_finding,
    places_meet,
    sides_may_meet,
    sides_of,
    stated,
)
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
# Devices by the words that deny them in general, which name no single one.
_ALL = frozenset(
    {
        "support_device",
        "endotracheal_tube",
        "tracheostomy_tube",
        "enteric_tube",
        "central_venous_catheter",
        "pulmonary_artery_catheter",
        "chest_tube",
    }
)
_KINDS: tuple[tuple[frozenset[str], str, str], ...] = (
    (
        frozenset({"endotracheal_tube", "tracheostomy_tube"}),
        r"(?:endo)?tracheal tube|tube in the (?:trachea|airway)|intubation",
        "气管(?:内)?[^，。；]{0,4}(?:插管|套管|导管)|人工气道",
    ),
    (
        frozenset({"enteric_tube"}),
        r"(?:naso|oro)?(?:gastric|enteric) tube|feeding tube|tube in the (?:stomach|esophagus)",
        "胃管|鼻饲管|肠管置入|营养管",
    ),
    (
        frozenset({"chest_tube"}),
        r"(?:chest|thoracostomy|pleural) (?:tube|drain)|drains?|drainage (?:tube|catheter)",
        "引流管|胸管|闭式引流",
    ),
    (
        frozenset({"pacemaker", "implantable_electronic_device"}),
        r"pacemaker|cardiac (?:device|implant)|implanted (?:cardiac )?device|generator|"
        r"pacing (?:leads?|wires?)",
        "起搏器|除颤器|(?:心脏)?(?:植入|置入)(?:式)?(?:装置|器械|物|电子装置)|电极",
    ),
    (
        frozenset({"central_venous_catheter", "pulmonary_artery_catheter"}),
        r"central (?:venous )?(?:line|catheter)|picc|venous (?:line|catheter|access)|port",
        "(?:中心)?静脉[^，。；]{0,3}(?:导管|置管)|PICC|CVC|输液港",
    ),
    (
        _ALL,
        r"(?:indwelling |support |monitoring |invasive )*(?:devices?|catheters?|lines?|tubes?)",
        "导管|管路|置管|管道|管线|留置管",
    ),
)
_DENIAL: dict[Lang, str] = {
    "en": r"^\W*(?:there (?:is|are) )?no (?:evidence of |"
    r"visible )?(?:[a-z]+,? ){{0,3}}?(?:or |and )?"
    r"(?P<what>{words})\b(?! (?:change|complication|malposition|kink|tip))",
    "zh": r"(?:未见|无|没有|未留置|未置入|未放置|未插)[^，。；,;异]{{0,5}}?(?P<what>{words})"
    r"(?!移位|异常|扭曲|脱|打折|断)",
}
_GENERAL: dict[Lang, tuple[tuple[frozenset[str], re.Pattern[str]], ...]] = {
    lang: tuple(
        (codes, re.compile(_DENIAL[lang].format(words=words), re.IGNORECASE))
        for codes, words in ((c, en if lang == "en" else zh) for c, en, zh in _KINDS)
    )
    for lang in LANGS
}
_IN_TRACHEA = re.compile("气管(?:腔)?内(?:未见|无|没有)(?P<what>插管|套管|导管)")
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
                denials = _general_denials(text, lang) if text else ()
                sides = named_sides(text, lang) if denials else frozenset()
                for codes, start, end in denials:
                    against = next(
                        (
                            one
                            for one in named
                            if one.code in codes
                            and one.read is not sentence
                            and sides_may_meet(sides, sides_of(one.mention))
                        ),
                        None,
                    )
                    if against and sentence.sentence.id not in told:
                        told.add(sentence.sentence.id)
                        pointer = words_of(sentence, lang, start, end)
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
def _general_denials(text: str, lang: Lang) -> tuple[tuple[frozenset[str], int, int], ...]:
    """Return what `text` denies without naming one device: codes, and where the words stand."""
    found = []
    if hardware := _NO_HARDWARE[lang].search(text):
        found.append((_FIXED, *hardware.span("what")))
    if lang == "zh" and (tube := _IN_TRACHEA.search(text)):
        found.append((_KINDS[0][0], *tube.span("what")))
    for codes, pattern in _GENERAL[lang]:
        if denial := pattern.search(text):
            found.append((codes, *denial.span("what")))
            break
    return tuple(found)
