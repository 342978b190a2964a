"""Past reports in HL7 v2 results (ORU^R01), one message or many in a file.

HL7 v2.5.1 chapters 3, 4 and 7. Where senders differ: an accession number stands in OBR-18 (IHE's
scheduled workflow), else OBR-3, else OBR-2; the text in OBX of type TX, FT or ST, whose section is
told by LOINC's codes, by the suffixes IMP and GDT of OBX-3, or by its name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from radraft.core import canonical
from radraft.core.errors import MessageError
from radraft.reports.archive.mapping import day_of, time_of
from radraft.reports.archive.records import checked, refusal
from radraft.reports.archive.sections import section_named
from radraft.reports.archive.values import PastReport, PastStatus, RefusalReason, RefusedRecord
from radraft.reports.hl7_text import Message, Segment, parsed
from radraft.reports.values import Section
from radraft.studies._text import decode_lines

_STARTS = re.compile(rb"(?:(?<=[\r\n\x0b])|^)(?=MSH[^\w\s])")
_FRAMES = b"\x0b\x1c"
_CHARSETS = {
    "UNICODE UTF-8": "utf-8",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "BIG-5": "big5",
}
"""MSH-18 (table 0211), and what senders write there; all others are looked at for themselves."""
_SECTIONS = {
    "59776-5": Section.FINDINGS,
    "18782-3": Section.FINDINGS,
    "121071": Section.FINDINGS,
    "19005-8": Section.IMPRESSION,
    "121073": Section.IMPRESSION,
    "GDT": Section.FINDINGS,
    "IMP": Section.IMPRESSION,
}
_STUDY_UIDS = frozenset({"110180", "113014", "0020000D"})
_ADDENDUM = re.compile(r"addend|补充|\bADT\b", re.IGNORECASE)
_STATUSES = {
    **dict.fromkeys(("F", ""), PastStatus.FINAL),
    "C": PastStatus.CORRECTED,
    **dict.fromkeys(("P", "R", "S", "I", "O", "A", "N"), PastStatus.PRELIMINARY),
    **dict.fromkeys(("X", "D", "W"), PastStatus.CANCELLED),
}
"""OBR-25 (table 0123) and OBX-11 (table 0085)."""
_OWN_SYSTEM = "99RADRAFT"
_HAN = re.compile(r"[\u3400-\u9fff]")


def hl7_reports(data: bytes, name: str) -> Iterator[PastReport | RefusedRecord]:
    """Yield the reports of a file called `name`, or why a message of it has none."""
    starts = [match.start() for match in _STARTS.finditer(data)]
    if not starts:
        yield _unreadable(data, name)
        return
    for number, (start, end) in enumerate(
        zip(starts, [*starts[1:], len(data)], strict=True), start=1
    ):
        place = name if len(starts) == 1 else f"{name}#{number}"
        yield from _of_message(data[start:end], place)


def _of_message(data: bytes, place: str) -> Iterator[PastReport | RefusedRecord]:
    raw = data.translate(None, _FRAMES)
    # What stands between two messages is of neither.
    raw = re.split(rb"[\r\n](?=[FB][HT]S)", raw)[0]
    try:
        message = parsed(_decoded(raw))
    except MessageError:
        yield _unreadable(data, place)
        return
    if message.header.text(9) not in {"ORU", "MDM"}:
        yield replace(_unreadable(data, place), reason=RefusalReason.NOT_A_REPORT)
        return
    groups = list(_groups(message))
    if not groups or message.first("PID") is None:
        yield _unreadable(data, place)
    for group in groups:
        yield from _of_group(message, group, place)


def _decoded(raw: bytes) -> str:
    """Return a message's text: UTF-8 where it is that, else by MSH-18, else as it looks."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        header = re.split(rb"[\r\n]", raw, maxsplit=1)[0]
        fields = header.split(header[3:4])
        said = fields[17].decode("ascii", "replace").upper() if len(fields) > 17 else ""
    codec = _CHARSETS.get(said.split("~")[0].strip())
    if codec == "utf-8":
        # It says so and is not: Chinese systems write GB 18030 all the same.
        codec = "gb18030"
    if codec is not None:
        return raw.decode(codec, "replace")
    try:
        return raw.decode("gb18030") if not said else decode_lines(raw, ("ISO_IR 100",))[0]
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


@dataclass(frozen=True)
class _Group:
    """A request and what was observed for it."""

    order: Segment | None
    request: Segment
    observations: tuple[Segment, ...]


def _groups(message: Message) -> Iterator[_Group]:
    order: Segment | None = None
    request: Segment | None = None
    found: list[Segment] = []
    for segment in message.segments:
        if segment.name in {"ORC", "OBR"} and request is not None:
            yield _Group(order, request, tuple(found))
            request, found = None, []
        if segment.name == "ORC":
            order = segment
        elif segment.name == "OBR":
            request = segment
        elif segment.name == "OBX":
            found.append(segment)
    if request is not None:
        yield _Group(order, request, tuple(found))


def _of_group(message: Message, group: _Group, place: str) -> Iterator[PastReport | RefusedRecord]:
    patient, request = message.first("PID"), group.request
    assert patient is not None
    texts = [segment for segment in group.observations if _is_text(segment)]
    added = [segment for segment in texts if _ADDENDUM.search(segment.raw(3))]
    said = [segment for segment in texts if segment not in added]
    status = _STATUSES.get(request.text(25) or (texts[0].text(11) if texts else ""))
    author, reviewer = _people(request, texts)
    report = PastReport(
        place,
        accession=request.text(18) or request.text(3) or request.text(2),
        study_uid=_study_uid(message, group),
        patient_number=patient.text(3),
        patient_name=_patient_name(patient),
        sex=patient.text(8) if patient.text(8) in {"M", "F", "O"} else "",
        birth_date=day_of(patient.text(7)),
        study_time=time_of(request.text(7)),
        modality=request.text(24),
        findings=_lines(said, Section.FINDINGS),
        impression=_lines(said, Section.IMPRESSION),
        text=_lines(said, None),
        author=author,
        reviewer=reviewer,
        reported_at=time_of(request.text(22)) or time_of(message.header.text(7)),
        status=status or PastStatus.FINAL,
    )
    if status is None:
        yield refusal(report, RefusalReason.STATUS_UNKNOWN)
        return
    if said or not added:
        yield checked(report)
    if added:
        text = "\n".join(segment.whole(5) for segment in added)
        yield checked(
            replace(
                report, findings="", text="", impression=text, status=_added_status(report.status)
            )
        )


def _added_status(status: PastStatus) -> PastStatus:
    unfinished = {PastStatus.PRELIMINARY, PastStatus.CANCELLED}
    return status if status in unfinished else PastStatus.ADDENDUM


def _is_text(segment: Segment) -> bool:
    is_uid = not _STUDY_UIDS.isdisjoint({segment.text(3), segment.text(3, 4)})
    own = segment.text(3, 3) == _OWN_SYSTEM
    return segment.text(2) in {"TX", "FT", "ST"} and not is_uid and not own


def _section(segment: Segment) -> Section | None:
    suffixes = (segment.text(3, 1, 2), segment.text(3), segment.text(3, 4))
    for code in suffixes:
        if code in _SECTIONS:
            return _SECTIONS[code]
    for name in (segment.text(3, 2), segment.text(3), segment.text(3, 5)):
        if (found := section_named(name)) is not None:
            return found
    return None


def _lines(segments: Sequence[Segment], section: Section | None) -> str:
    lines = (segment.whole(5) for segment in segments if _section(segment) is section)
    return "\n".join(lines).strip()


def _study_uid(message: Message, group: _Group) -> str:
    for segment in group.observations:
        if not _STUDY_UIDS.isdisjoint({segment.text(3), segment.text(3, 4)}):
            return segment.text(5)
    # IHE's segment of its own (RAD-4).
    own = message.first("ZDS")
    return own.text(1) if own is not None else ""


def _patient_name(patient: Segment) -> str:
    """Return PID-5 as DICOM writes names: its forms joined by `=`."""
    forms = []
    for form in patient.repetitions(5):
        parts = [patient.part(form, 1), patient.part(form, 2)]
        forms.append("^".join(filter(None, parts)))
    return "=".join(dict.fromkeys(filter(None, forms)))[:200]


def _people(request: Segment, texts: Sequence[Segment]) -> tuple[str, str]:
    """Return who wrote the report and who answers for it, each empty where that is not said."""
    answers = _interpreter(request, 32)
    helped = _interpreter(request, 33) or _interpreter(request, 35)
    if not helped and texts:
        first = (*texts[0].repetitions(16), "")[0]
        helped = _joined(texts[0].part(first, 2), texts[0].part(first, 3))
    if not helped or helped == answers:
        return answers, ""
    return helped, answers


def _interpreter(request: Segment, number: int) -> str:
    first = (*request.repetitions(number), "")[0]
    family, given = request.part(first, 1, 2), request.part(first, 1, 3)
    # Some senders have a plain XCN here, or a name alone.
    return _joined(family, given) or _joined(request.part(first, 2), "") or request.part(first, 1)


def _joined(family: str, given: str) -> str:
    if _HAN.search(family + given):
        return family + given
    return " ".join(filter(None, (given, family)))


def _unreadable(data: bytes, place: str) -> RefusedRecord:
    record_id = canonical.sha256(["message", hashlib.sha256(data).hexdigest()])
    return RefusedRecord(place, RefusalReason.UNREADABLE, record_id)
