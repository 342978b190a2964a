"""What a report says, as plain values under the names that every reader of a form uses. They are
taken from the report and not from anything that writes a form."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from radraft.reports.export.values import OutgoingReport, OutgoingStatus
from radraft.reports.values import LANGS, Lang, Sentence

Facts = dict[str, Any]

KINDS = {
    "sentence": ("sentences", "findings", "reason", "marks", "exam", "history"),
    "side": ("sides",),
    "number": (
        "numbers", "patient_number", "accession", "study_uid", "version", "content_sha",
        "supersedes", "images", "priors", "age",
    ),
    "name": ("patient_names", "printed_name", "author", "signer", "accounts", "institution"),
    "time": ("study_time", "study_day", "submitted_at", "signed_at", "clock", "birth_date"),
    "status": ("status", "sex"),
}  # fmt: skip
"""Which facts are of which kind."""
PRINTED_NAMES = {
    "Wei^Planted=魏^植入": {"zh": "魏植入", "en": "Planted Wei"},
    "欧阳^假名": {"zh": "欧阳假名", "en": "欧阳假名"},
    "O'Planted^Äöü^Dr.": {"zh": "Äöü Dr. O'Planted", "en": "Äöü Dr. O'Planted"},
    "𠮷^假": {"zh": "𠮷假", "en": "𠮷假"},
}
"""How people write the names of `outgoing_reports.PATIENTS`."""
_MARKS = {
    True: {
        "zh": ["AI 生成", "所用 AI 软件仅供研究使用"],
        "en": ["AI-generated", "The AI software is for research use only"],
    },
    False: {
        "zh": ["AI 辅助，医师审核", "所用 AI 软件仅供研究使用"],
        "en": ["AI-assisted, reviewed by a physician", "The AI software is for research use only"],
    },
}


def facts(report: OutgoingReport) -> Facts:
    """Return everything of `report` that any form carries."""
    exam, institution = report.examination, report.institution
    mentions = [(coded.section.value, coded.mention) for coded in report.findings]
    people = [report.author, report.reviewer or report.author]
    unsigned = report.status is OutgoingStatus.PRELIMINARY
    return {
        "sentences": {
            lang: [
                [_text(sentence, lang) for sentence in section]
                for section in (report.report.findings, report.report.impression)
            ]
            for lang in report.languages
        },
        "findings": [
            (section, m.code, m.polarity.value, m.anatomy or "", m.change.value if m.change else "")
            for section, m in mentions
        ],
        "sides": [m.laterality.value if m.laterality else "" for _, m in mentions],
        "numbers": [(m.size_mm, m.percent, m.volume_ml) for _, m in mentions],
        "marks": _MARKS[unsigned] if report.ai_assisted else {lang: [] for lang in LANGS},
        "reason": report.amendment.reason if report.amendment else "",
        "patient_number": exam.patient.patient_id,
        "patient_names": list(_names(exam.patient.name)),
        "printed_name": PRINTED_NAMES[exam.patient.name],
        "birth_date": exam.patient.birth_date.isoformat() if exam.patient.birth_date else "",
        "sex": exam.patient.sex,
        "age": exam.age_years,
        "accession": exam.accession,
        "study_uid": exam.study_uid,
        "study_time": exam.study_time,
        "study_day": exam.study_time.date().isoformat() if exam.study_time else "",
        "author": report.author.name,
        "signer": people[-1].name if report.signed_at else "",
        "accounts": [person.id for person in people] if report.signed_at else [report.author.id],
        "institution": {lang: _institution(report, lang) for lang in LANGS},
        "exam": {
            lang: " · ".join(filter(None, (exam.modality, part, exam.description)))
            for lang, part in (("zh", "胸部"), ("en", "chest"))
        },
        "history": exam.history,
        "submitted_at": report.submitted_at,
        "signed_at": report.signed_at,
        "clock": _offset(report),
        "status": report.status.value,
        "version": report.version,
        "content_sha": report.content_sha,
        "supersedes": report.supersedes or "",
        "images": [
            (ref.sop_instance_uid, ref.frames[0] + 1 if ref.frames else 0)
            for ref in (image.reference for image in report.key_images)
            if ref
        ],
        "priors": [(prior.day.isoformat(), prior.study_uid) for prior in report.priors],
        "case_id": report.case_id,
        "time_zone": institution.time_zone,
        "languages": report.languages,
    }


def only(told: Facts, names: Collection[str]) -> Facts:
    """Return the facts that a form carries."""
    return {name: told[name] for name in names}


def differences(report: str, expected: Facts, read: Facts) -> Iterator[str]:
    """Yield what was read otherwise than it was written, or not at all."""
    for name in sorted(expected.keys() | read.keys()):
        wanted, found = expected.get(name, "not told"), read.get(name, "not read")
        if wanted != found:
            yield f"{report}: {name}: {wanted!r} read as {found!r}"


def counted(told: Facts, names: Collection[str]) -> dict[str, int]:
    """Return how many values of each kind are among the facts of those names."""
    return {
        kind: sum(_size(told[name]) for name in of_kind if name in names and name in told)
        for kind, of_kind in KINDS.items()
    }


def minute(moment: datetime | None, zone: str) -> str:
    """Return a moment as paper shows it."""
    if moment is None:
        return ""
    local = moment if moment.tzinfo is None else moment.astimezone(ZoneInfo(zone) if zone else UTC)
    return f"{local:%Y-%m-%d %H:%M}" + (" UTC" if moment.tzinfo and not zone else "")


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return int(value not in ("", None))


def _text(sentence: Sentence, lang: Lang) -> str:
    """A sentence as a reader of one language finds it: in the other where it has that alone."""
    other = LANGS[1 - LANGS.index(lang)]
    return sentence.text(lang) or sentence.text(other)


def _names(name: str) -> Iterator[tuple[str, str, str]]:
    """Representation, family and given name; the Chinese one first, wherever it stood."""
    groups = [[*group.split("^"), ""] for group in name.split("=")]
    found = [("I" if any(c > "\u2e7f" for c in "".join(g)) else "A", g[0], g[1]) for g in groups]
    yield from sorted(found, reverse=True)


def _offset(report: OutgoingReport) -> str:
    """How far the institution's clock was from UTC when the report became what it is."""
    moment = report.signed_at or report.submitted_at
    zone = report.institution.time_zone
    return "" if moment is None else f"{moment.astimezone(ZoneInfo(zone) if zone else UTC):%z}"


def _institution(report: OutgoingReport, lang: Lang) -> str:
    institution = report.institution
    names = [institution.name_zh, institution.name_en]
    return next(filter(None, names if lang == "zh" else names[::-1]), institution.site)
