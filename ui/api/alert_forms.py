"""Alerts of critical values as the page takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radraft.core import canonical
from radraft.eval.report.words import finding
from radraft.reports.alerts import BY_PEOPLE, TRANSITIONS, AlertMove, next_move

if TYPE_CHECKING:
    from radraft.pipeline.alert_entries import AlertEntries, AlertEntry
    from radraft.reports.alerts import Alert, AlertEvent

Form = dict[str, Any]


def finding_name(code: str) -> Form:
    """Return a finding's code and its names, `zh` and `en`."""
    names = finding(code)
    return {"code": code, "zh": names.zh, "en": names.en}


def alert_line(alert: Alert) -> Form:
    """Return what one line says of an alert."""
    return {
        "alert_id": alert.alert_id,
        "case_id": alert.case_id,
        "finding": finding_name(alert.finding),
        "side": canonical.plain(alert.side),
        "certainty": alert.certainty.value,
        "state": alert.state.value,
        "level": alert.level,
        "deadline_at": canonical.plain(alert.deadline_at),
    }


def entries(found: AlertEntries) -> Form:
    """Return a list of alerts."""
    return {
        "alerts": list(map(entry, found.entries)),
        "unreadable": list(found.unreadable),
        "in_draft": list(map(finding_name, found.in_draft)),
    }


def entry(shown: AlertEntry) -> Form:
    """Return everything of one alert, its events first to last."""
    alert = shown.record.alert
    moves = [m.value for m in AlertMove if m in BY_PEOPLE and (alert.state, m) in TRANSITIONS]
    return alert_line(alert) | {
        "site": alert.site,
        "opened_at": canonical.plain(alert.opened_at),
        "revision": alert.revision,
        "in_report": alert.in_report,
        "is_open": alert.is_open,
        "holds_signature": alert.holds_signature,
        "second_person": alert.terms.second_person,
        "finder": alert.finder.name,
        "next": canonical.plain(next_move(alert)),
        "moves": moves,
        "escalated_to": _level(alert),
        "study": None if shown.case is None else _study(shown),
        "patient": _patient(shown),
        "events": list(map(_event, shown.record.events)),
    }


def _level(alert: Alert) -> Form | None:
    """Whom the alert was escalated to last."""
    levels = alert.terms.escalation
    if not 1 <= alert.level <= len(levels):
        return None
    return {"zh": levels[alert.level - 1].zh, "en": levels[alert.level - 1].en}


def _study(shown: AlertEntry) -> Form:
    assert shown.case is not None
    return {"modality": shown.case.modality, "body_part": shown.case.body_part}


def _patient(shown: AlertEntry) -> Form | None:
    if (who := shown.identity) is None:
        return None
    return {
        "name": who.patient.name,
        "id": who.patient.patient_id,
        "sex": who.patient.sex,
        "age_years": who.age_years,
        "accession": who.accession,
    }


def _event(event: AlertEvent) -> Form:
    form: Form = canonical.plain(event)
    return form | {"actor": event.actor.who.name}
