"""Audit events as DICOM's audit messages (PS3.15, A.5), for log servers that collect them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from ipaddress import ip_address
from types import MappingProxyType
from xml.etree import ElementTree

from radraft.reports.audit import AuditEvent, AuditKind, Outcome


@dataclass(frozen=True)
class _Code:
    """A coded value of the DICOM controlled terminology (PS3.16, annex D)."""

    value: str
    meaning: str


@dataclass(frozen=True)
class _Said:
    """How a kind of event is said: its event id, its type where it has one, and its action."""

    event: _Code
    action: str
    """C, R, U, D or E (execute)."""
    type: _Code | None = None


_ACTIVITY = _Code("110100", "Application Activity")
_AUDIT_USED = _Code("110101", "Audit Log Used")
_ACCESSED = _Code("110103", "DICOM Instances Accessed")
_EXPORT = _Code("110106", "Export")
_IMPORT = _Code("110107", "Import")
_PATIENT = _Code("110110", "Patient Record")
_PROCEDURE = _Code("110111", "Procedure Record")
_QUERY = _Code("110112", "Query")
_SECURITY = _Code("110113", "Security Alert")
_USER = _Code("110114", "User Authentication")
_LOGIN = _Code("110122", "Login")
_LOGOUT = _Code("110123", "Logout")
_ROLES = _Code("110136", "Security Roles Changed")
_ATTRIBUTES = _Code("110137", "User security Attributes Changed")
_CONFIGURATION = _Code("110131", "Software Configuration")
_EVENT = _Code("event", "radraft audit event")
_RESTRICTED = _Code("110132", "Use of Restricted Function")

_SAID: Mapping[AuditKind, _Said] = MappingProxyType(
    {
        AuditKind.LOG_IN: _Said(_USER, "E", _LOGIN),
        AuditKind.UNLOCK: _Said(_USER, "E", _LOGIN),
        AuditKind.CONFIRM: _Said(_USER, "E", _LOGIN),
        AuditKind.LOG_OUT: _Said(_USER, "E", _LOGOUT),
        AuditKind.SESSIONS_ENDED: _Said(_USER, "E", _LOGOUT),
        AuditKind.VIEW: _Said(_ACCESSED, "R"),
        AuditKind.WRITE: _Said(_PROCEDURE, "U"),
        AuditKind.REVIEW: _Said(_PROCEDURE, "U"),
        AuditKind.PRESENCE: _Said(_PROCEDURE, "U"),
        AuditKind.SIGN: _Said(_PROCEDURE, "C"),
        AuditKind.AMEND: _Said(_PROCEDURE, "U"),
        AuditKind.ALERT: _Said(_PROCEDURE, "U"),
        AuditKind.SEARCH: _Said(_QUERY, "E"),
        AuditKind.QUESTION: _Said(_QUERY, "E"),
        AuditKind.INTAKE: _Said(_IMPORT, "C"),
        AuditKind.PATIENT: _Said(_PATIENT, "U"),
        AuditKind.EXPORT: _Said(_EXPORT, "R"),
        AuditKind.OUTBOX: _Said(_EXPORT, "E"),
        AuditKind.RETENTION: _Said(_ACCESSED, "D"),
        AuditKind.ACCESS: _Said(_SECURITY, "E", _RESTRICTED),
        AuditKind.ACCOUNT: _Said(_SECURITY, "E", _ATTRIBUTES),
        AuditKind.STUDY_LINK: _Said(_USER, "E", _LOGIN),
        AuditKind.TOKEN: _Said(_SECURITY, "E", _ATTRIBUTES),
        AuditKind.ROLES: _Said(_SECURITY, "E", _ROLES),
        AuditKind.CONFIGURATION: _Said(_SECURITY, "E", _CONFIGURATION),
        AuditKind.ADAPTER: _Said(_SECURITY, "E", _CONFIGURATION),
        AuditKind.AUDIT_READ: _Said(_AUDIT_USED, "R"),
        AuditKind.BEGAN: _Said(_SECURITY, "E", _Code("110134", "Audit Recording Started")),
        AuditKind.RESEALED: _Said(_SECURITY, "E", _Code("110134", "Audit Recording Started")),
        AuditKind.DAMAGED: _Said(_SECURITY, "E", _Code("110133", "Audit Recording Stopped")),
        AuditKind.START: _Said(_ACTIVITY, "E", _Code("110120", "Application Start")),
        AuditKind.STOP: _Said(_ACTIVITY, "E", _Code("110121", "Application Stop")),
    }
)
# EventOutcomeIndicator: success, minor failure, serious failure.
_OUTCOMES: Mapping[Outcome, str] = MappingProxyType(
    {Outcome.DONE: "0", Outcome.REFUSED: "4", Outcome.FAILED: "8"}
)


def message(event: AuditEvent, sequence: int, head: str, source: str) -> str:
    """Return the XML of an event with its number and head in the audit; `source` names this
    installation."""
    root = ElementTree.Element("AuditMessage")
    said = _SAID[event.kind]
    identification = ElementTree.SubElement(
        root,
        "EventIdentification",
        EventActionCode=said.action,
        EventDateTime=event.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=_OUTCOMES[event.outcome],
    )
    _coded(identification, "EventID", said.event)
    if said.type is not None:
        _coded(identification, "EventTypeCode", said.type)
    if event.code:
        described = ElementTree.SubElement(identification, "EventOutcomeDescription")
        described.text = event.code
    _participant(root, event)
    ElementTree.SubElement(root, "AuditSourceIdentification", AuditSourceID=source)
    if event.case_id is not None:
        # radraft's own number of a study: its UID stays behind the wall of identity.
        _object(root, event.case_id, role="3", kind=_Code("case", "radraft case"), details={})
    details = {"kind": event.kind.value, "site": event.site, **event.details, "head": head}
    _object(root, str(sequence), role="13", kind=_EVENT, details=details)
    return ElementTree.tostring(root, encoding="unicode")


def _participant(root: ElementTree.Element, event: AuditEvent) -> None:
    said = {
        "UserID": event.actor.account_id or event.actor.name or "unknown",
        "UserName": event.actor.name,
        "UserIsRequestor": "true",
    }
    if event.actor.address:
        said |= {
            "NetworkAccessPointID": event.actor.address,
            "NetworkAccessPointTypeCode": "2" if _is_ip(event.actor.address) else "1",
        }
    ElementTree.SubElement(
        root, "ActiveParticipant", {name: value for name, value in said.items() if value}
    )


def _object(
    root: ElementTree.Element,
    identifier: str,
    *,
    role: str,
    kind: _Code,
    details: Mapping[str, str],
) -> None:
    """A participant object: a report (role 3) or a security resource (13), system objects both."""
    element = ElementTree.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=identifier,
        ParticipantObjectTypeCode="2",
        ParticipantObjectTypeCodeRole=role,
    )
    _coded(element, "ParticipantObjectIDTypeCode", kind, system="99RADRAFT")
    ElementTree.SubElement(element, "ParticipantObjectName").text = kind.meaning
    for name, value in details.items():
        # PS3.15: the value is base64.
        encoded = base64.b64encode(value.encode()).decode()
        ElementTree.SubElement(element, "ParticipantObjectDetail", type=name, value=encoded)


def _is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


def _coded(parent: ElementTree.Element, name: str, code: _Code, *, system: str = "DCM") -> None:
    said = {
        "csd-code": code.value,
        "codeSystemName": system,
        "originalText": code.meaning,
    }
    ElementTree.SubElement(parent, name, said)
