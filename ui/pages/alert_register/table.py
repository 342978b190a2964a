"""The register as rows: for the page, and as CSV for a spreadsheet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from radraft.eval.report.words import Words, finding
from radraft.pipeline.alert_entries import AlertEntries, AlertEntry
from radraft.reports.alerts import Alert, AlertEvent, AlertMove, AlertState
from radraft.reports.values import Certainty, Lang
from radraft.ui.pages.csv_text import csv_text

word = Words("radraft.ui.pages.alert_register")

COLUMNS = (
    *("alert_id", "case_id", "site", "opened_at", "finding_code", "finding", "side", "certainty"),
    *("state", "in_report", "patient_name", "patient_id", "sex", "age_years", "accession"),
    *("modality", "body_part", "finder", "text", "confirmed_by", "confirmed_at"),
    *("notified_whom", "notified_how", "notified_by", "notified_at", "notified_note"),
    *("notifications", "minutes_to_notification", "deadline_minutes", "in_time"),
    *("read_back", "read_back_by", "read_back_at", "acknowledged_note", "acknowledged_by"),
    *("acknowledged_at", "withdrawn_reason", "withdrawn_by", "withdrawn_at"),
    *("escalated_level", "escalated_to", "notes"),
)
"""Of the CSV, in order. Times are the hospital's clock with its offset from UTC."""


@dataclass(frozen=True)
class Row:
    """One alert as the register shows it."""

    entry: AlertEntry = field(repr=False)
    minutes: int | None
    """From its opening to the first notification; None while nobody was notified."""
    late: bool
    """Whether that was, or is at `now`, after its time."""

    @property
    def alert(self) -> Alert:
        """The alert as it stands."""
        return self.entry.record.alert

    def last(self, move: AlertMove) -> AlertEvent | None:
        """Return the last event of a kind; None where there is none."""
        return self.entry.record.last(move)


def rows(found: AlertEntries, now: datetime) -> tuple[Row, ...]:
    """Return the rows, oldest first."""
    return tuple(_row(entry, now) for entry in found.entries)


def to_csv(found: AlertEntries, lang: Lang, now: datetime) -> str:
    """Return the register as CSV; names of findings, states and ways in `lang`."""
    return csv_text(COLUMNS, (_record(row, lang) for row in rows(found, now)))


def finding_name(alert: Alert, lang: Lang) -> str:
    """Return the finding with its side, and whether it is only suspected."""
    name = finding(alert.finding).get(lang)
    if alert.side is not None:
        side = word(alert.side.value, "sides").get(lang)
        name = word("sided").filled(name=name, side=side).get(lang)
    if alert.certainty is Certainty.UNCERTAIN:
        name = word("suspected").filled(name=name).get(lang)
    return name


def escalated_to(alert: Alert, lang: Lang) -> str:
    """Return whom the alert was escalated to last; empty where it was not."""
    levels = alert.terms.escalation
    if not 1 <= alert.level <= len(levels):
        return ""
    level = levels[alert.level - 1]
    return level.zh if lang == "zh" else level.en


def _row(entry: AlertEntry, now: datetime) -> Row:
    alert = entry.record.alert
    notified = [e for e in entry.record.events if e.move is AlertMove.NOTIFY]
    limit = timedelta(minutes=alert.terms.deadline_minutes)
    if notified:
        waited = notified[0].at - alert.opened_at
        minutes = max(0, waited // timedelta(minutes=1))
        return Row(entry, minutes, waited > limit)
    withdrawn = alert.state is AlertState.WITHDRAWN
    return Row(entry, None, not withdrawn and now - alert.opened_at > limit)


def _record(row: Row, lang: Lang) -> dict[str, Any]:
    alert = row.alert
    return {
        "alert_id": alert.alert_id,
        "case_id": alert.case_id,
        "site": alert.site,
        "opened_at": _when(alert.opened_at),
        "finding_code": alert.finding,
        "finding": finding_name(alert, lang),
        "side": alert.side.value if alert.side else None,
        "certainty": alert.certainty.value,
        "state": word(alert.state.value, "states").get(lang),
        "in_report": alert.in_report,
        "finder": alert.finder.name,
        "deadline_minutes": alert.terms.deadline_minutes,
        "in_time": not row.late,
        "minutes_to_notification": row.minutes,
        "escalated_level": alert.level,
        "escalated_to": escalated_to(alert, lang),
        **_of_patient(row.entry),
        **_of_events(row, lang),
    }


def _of_patient(entry: AlertEntry) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if entry.case is not None:
        found = {"modality": entry.case.modality, "body_part": entry.case.body_part}
    if entry.identity is None:
        return found
    patient = entry.identity.patient
    return found | {
        "patient_name": patient.name,
        "patient_id": patient.patient_id,
        "sex": patient.sex,
        "age_years": entry.identity.age_years,
        "accession": entry.identity.accession,
    }


def _of_events(row: Row, lang: Lang) -> dict[str, Any]:
    events = row.entry.record.events
    found: dict[str, Any] = {
        "text": _text(row.last(AlertMove.FIND)),
        "notifications": sum(event.move is AlertMove.NOTIFY for event in events),
        "notes": " | ".join(event.text for event in events if event.move is AlertMove.NOTE),
    }
    for name, move in (
        ("confirmed", AlertMove.CONFIRM),
        ("notified", AlertMove.NOTIFY),
        ("read_back", AlertMove.READ_BACK),
        ("acknowledged", AlertMove.ACKNOWLEDGE),
        ("withdrawn", AlertMove.WITHDRAW),
    ):
        if (event := row.last(move)) is not None:
            found |= {f"{name}_by": event.actor.who.name, f"{name}_at": _when(event.at)}
    if (told := row.last(AlertMove.NOTIFY)) is not None:
        how = told.channel.value if told.channel else None
        found["notified_whom"] = told.recipient
        found["notified_how"] = word(how, "channels").get(lang) if how else None
        found["notified_note"] = told.text
    found["read_back"] = _text(row.last(AlertMove.READ_BACK))
    found["acknowledged_note"] = _text(row.last(AlertMove.ACKNOWLEDGE))
    found["withdrawn_reason"] = _text(row.last(AlertMove.WITHDRAW))
    return found


def _text(event: AlertEvent | None) -> str | None:
    return None if event is None else event.text


def _when(at: datetime) -> str:
    return at.astimezone().isoformat(sep=" ", timespec="seconds")
