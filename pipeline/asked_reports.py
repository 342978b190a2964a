"""What a question on a signed report may be answered from: what is known of the report, and the
patient's other signed reports that whoever asks may read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from radraft.llm.asking.sources import Known, source_of
from radraft.llm.asking.values import MetadataField, Source
from radraft.reports.alerts import AlertMove
from radraft.reports.export.printed import local_minute
from radraft.store import alerts, cases, priors, signatures
from radraft.studies.deidentify import without_identity

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.reports.values import SignedReport

MOST_PRIORS = 20
"""Other reports of a patient that one answer looks at: the newest."""


@dataclass(frozen=True)
class Grounds:
    """What an answer may rest on beside the report itself."""

    known: Known
    priors: tuple[Source, ...]
    """Examined before the report's study, oldest first."""
    versions: dict[str, int]
    """Of each report, by its case: the signed version that is looked at."""


def grounds(
    session: Session,
    case_id: str,
    signed: SignedReport,
    sites: frozenset[str] | None,
    *,
    time_zone: str = "",
) -> Grounds:
    """Return them; `sites`: those whose signed reports the asker may read, None for all. A prior
    whose signature does not hold is left out, and so is one of another site: the answer stays with
    the case, for all who may read that. `time_zone`: whose clock tells moments; empty: UTC."""
    own = frozenset({cases.get_case(session, case_id).site})
    sites = own if sites is None else own & sites
    known = _known(session, case_id, time_zone)
    performed = known.performed or signed.signed_at
    versions = {case_id: signed.version}
    found = []
    for linked in priors.signed_of_patient(session, case_id, sites):
        read = signatures.read(session, linked.case_id)
        if read.broken or not read.held:
            continue
        newest = read.held[-1]
        prior = source_at(session, newest, time_zone)
        if prior.performed < performed:
            found.append(prior)
            versions[linked.case_id] = newest.version
    found.sort(key=lambda prior: prior.performed)
    return Grounds(known, tuple(found[-MOST_PRIORS:]), versions)


def source_at(session: Session, signed: SignedReport, time_zone: str = "") -> Source:
    """Return what may be quoted of a signed version; `time_zone` as for `grounds`."""
    return source_of(signed, _known(session, signed.case_id, time_zone))


def _known(session: Session, case_id: str, time_zone: str) -> Known:
    case = cases.get_case(session, case_id)
    who = cases.identity(session, case_id)
    given: list[tuple[MetadataField, str]] = []
    # The de-identified wording: what is quoted is kept with the conversation.
    if case.history:
        given.append((MetadataField.HISTORY, case.history))
    performed = who.study_time
    if performed is not None:
        if performed.tzinfo is None:
            performed = performed.replace(tzinfo=UTC)
        given.append((MetadataField.PERFORMED_AT, f"{performed:%Y-%m-%d %H:%M}"))
    alert = _alert(session, case_id, time_zone)
    if alert:
        given.append((MetadataField.CRITICAL_ALERT, alert))
    # What is quoted is kept with the conversation; a description is free text of a console.
    described = without_identity(who.description, (who.patient,), (who.accession,), ())
    about = f"{described} {case.modality} {case.body_part}".strip()
    if described:
        given.append((MetadataField.TECHNIQUE, f"{case.modality} {described}"))
    return Known(performed, about, tuple(given), time_zone, case_id)


def _alert(session: Session, case_id: str, time_zone: str) -> str:
    """Return who was told of critical findings, and when; empty where nobody was."""
    told = []
    for record in alerts.listed_case(session, case_id).records:
        event = record.last(AlertMove.NOTIFY)
        if event is not None:
            told.append(f"{event.recipient}, {local_minute(event.at, time_zone)}".strip(", "))
    return "; ".join(told)
