"""The register of critical values as HTML, for the screen and for paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from radraft.pipeline.alert_entries import AlertEntries, AlertEntry, Days
from radraft.reports.alerts import AlertEvent, AlertMove, AlertState
from radraft.reports.values import Lang
from radraft.ui.pages.alert_register.table import Row, escalated_to, finding_name, rows, word
from radraft.ui.pages.frame import render


@dataclass(frozen=True)
class _Step:
    """Who did it, when, and what was said."""

    by: str
    at: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class _Line:
    """One alert in the words of one language."""

    alert_id: str
    found: _Step
    patient: tuple[str, ...] = field(repr=False)
    """Name, then number with sex and age."""
    examination: str
    accession: str = field(repr=False)
    finding: str
    confirmed: _Step | None
    told: str = field(repr=False)
    notified: _Step | None
    waited: str
    late: bool
    read_back: _Step | None
    acknowledged: _Step | None
    withdrawn: _Step | None
    state: str
    warnings: tuple[str, ...]


def drawn(found: AlertEntries, days: Days, lang: Lang, now: datetime) -> str:
    """Return the register of those days as HTML; every value in it is escaped."""
    shown = rows(found, now)
    return render(
        "alert_register/page.html.jinja",
        lang,
        word,
        alone=False,
        days=days,
        lines=[_line(row, lang) for row in shown],
        unreadable=", ".join(found.unreadable),
        open_count=sum(row.alert.is_open for row in shown),
        late_count=sum(row.late for row in shown),
    )


def _line(row: Row, lang: Lang) -> _Line:
    alert, entry = row.alert, row.entry
    told, first = row.last(AlertMove.NOTIFY), row.last(AlertMove.FIND)
    return _Line(
        alert_id=alert.alert_id,
        found=_Step(alert.finder.name, _when(alert.opened_at), first.text if first else ""),
        patient=_patient(entry, lang),
        examination=f"{entry.case.modality} {entry.case.body_part}" if entry.case else "",
        accession=entry.identity.accession if entry.identity else "",
        finding=finding_name(alert, lang),
        confirmed=_step(row.last(AlertMove.CONFIRM)),
        told=_told(told, lang) if told else "",
        notified=_step(told),
        waited=_waited(row, lang),
        late=row.late,
        read_back=_step(row.last(AlertMove.READ_BACK)),
        acknowledged=_step(row.last(AlertMove.ACKNOWLEDGE)),
        withdrawn=_step(row.last(AlertMove.WITHDRAW))
        if alert.state is AlertState.WITHDRAWN
        else None,
        state=word(alert.state.value, "states").get(lang),
        warnings=_warnings(row, lang),
    )


def _waited(row: Row, lang: Lang) -> str:
    limit = row.alert.terms.deadline_minutes
    if row.minutes is None:
        return word("not_notified_late").filled(limit=limit).get(lang) if row.late else ""
    key = "after_late" if row.late else "after"
    return word(key).filled(minutes=row.minutes, limit=limit).get(lang)


def _warnings(row: Row, lang: Lang) -> tuple[str, ...]:
    if not row.alert.is_open:
        return ()
    name = escalated_to(row.alert, lang)
    escalated = word("escalated").filled(name=name).get(lang) if name else ""
    gone = "" if row.alert.in_report else word("not_in_report").get(lang)
    return tuple(filter(None, (escalated, gone)))


def _patient(entry: AlertEntry, lang: Lang) -> tuple[str, ...]:
    if entry.identity is None:
        case_id = entry.record.alert.case_id
        return (word("identity_unreadable").filled(case_id=case_id).get(lang),)
    patient, unknown = entry.identity.patient, word("unknown").get(lang)
    facts = [patient.patient_id or unknown]
    if patient.sex in {"M", "F", "O"}:
        facts.append(word(f"sex_{patient.sex}").get(lang))
    if entry.identity.age_years is not None:
        facts.append(word("years").filled(n=entry.identity.age_years).get(lang))
    return (_name(patient.name) or unknown, " · ".join(facts))


def _name(name: str) -> str:
    """A DICOM person name (PS3.5 6.2.1.1), its groups as they are read."""
    groups = [group.replace("^", " ").split() for group in name.split("=")[:2]]
    alphabetic = " ".join(groups[0])
    ideographic = "".join(groups[1]) if len(groups) > 1 else ""
    return " ".join(part for part in (ideographic, alphabetic) if part)


def _step(event: AlertEvent | None) -> _Step | None:
    return None if event is None else _Step(event.actor.who.name, _when(event.at), event.text)


def _told(event: AlertEvent, lang: Lang) -> str:
    channel = word(event.channel.value, "channels").get(lang) if event.channel else ""
    return word("to_whom").filled(recipient=event.recipient, channel=channel).get(lang)


def _when(at: datetime) -> str:
    """The hospital's clock: the same in both languages, and never month before day."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")
