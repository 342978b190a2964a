"""DICOM Modality Worklist: asked for orders by C-FIND (PS3.4 K), and its answers read as orders.

An entry is one scheduled step of one requested procedure; what it says of the order is PS3.4
table K.6-1. Text in the wrong character set is mended as in images.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from radraft.core.errors import ReportError
from radraft.exchange.values import PacsError
from radraft.reports.order import (
    MAX_ACCESSION,
    Accession,
    Code,
    Order,
    OrderState,
    Pregnancy,
    Priority,
    ReferringPerson,
    RequestedProcedure,
)
from radraft.studies._fields import Fields
from radraft.studies.values import Patient

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_LOG = logging.getLogger("radraft.orders")

MOST_ENTRIES = 5000
"""Most answers of one query: a large hospital has some thousand in a day."""
_PENDING = frozenset({0xFF00, 0xFF01})
_STEPS, _CODES = 0x00400100, 0x00321064
_PRIORITIES = {
    "STAT": Priority.STAT, "HIGH": Priority.HIGH, "ROUTINE": Priority.ROUTINE,
    "MEDIUM": Priority.MEDIUM, "LOW": Priority.LOW,
}  # fmt: skip
_PREGNANCY = {1: Pregnancy.NOT_PREGNANT, 2: Pregnancy.POSSIBLE, 3: Pregnancy.PREGNANT}
_SEXES = frozenset({"M", "F", "O"})


@dataclass(frozen=True)
class WorklistServer:
    """Who is asked."""

    aet: str
    host: str
    port: int
    ours: str
    """Our AE title."""
    timeout_s: float = 30.0


def server_of(named: str, ours: str) -> WorklistServer:
    """Return the server that a setting names: `AET@host:port`."""
    aet, _, address = named.partition("@")
    host, _, port = address.rpartition(":")
    return WorklistServer(aet, host, int(port), ours)


def ask(
    server: WorklistServer, *, accession: str = "", day: date | None = None
) -> tuple[Dataset, ...]:
    """Return the entries of one accession, or of one day.

    PacsError `worklist_unreachable`, `worklist_broke_off` where the server was asked and did not
    answer to the end, `worklist_refused`.
    """
    from pynetdicom import AE, _config
    from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

    try:
        # pynetdicom forgets to close the socket of a server that it could not reach.
        socket.create_connection((server.host, server.port), server.timeout_s).close()
    except OSError:
        raise PacsError("worklist_unreachable") from None
    _config.LOG_HANDLER_LEVEL = "none"
    # Its log would name patients; and what it prints is decoded by the set that is declared.
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    wanted = _query(accession, day)
    entity = AE(server.ours)
    entity.acse_timeout = entity.dimse_timeout = server.timeout_s
    entity.network_timeout = entity.connection_timeout = server.timeout_s
    entity.add_requested_context(ModalityWorklistInformationFind)
    association = entity.associate(server.host, server.port, ae_title=server.aet)
    if not association.is_established:
        raise PacsError("worklist_unreachable")
    found: list[Dataset] = []
    try:
        for status, entry in association.send_c_find(wanted, ModalityWorklistInformationFind):
            code = status.get("Status") if status else None
            if code is None:
                raise PacsError("worklist_broke_off")
            if code in _PENDING and entry is not None and len(found) < MOST_ENTRIES:
                found.append(entry)
            elif code != 0 and code not in _PENDING:
                raise PacsError("worklist_refused", status=f"0x{code:04X}")
    finally:
        association.release()
    return tuple(found)


def ask_orders(
    server: WorklistServer, *, site: str, accession: str = "", day: date | None = None
) -> tuple[Order, ...]:
    """Return the orders of one accession, or of one day. Errors as `ask`."""
    return read_entries(ask(server, accession=accession, day=day), site=site)


def read_entries(
    entries: Iterable[Dataset], *, site: str, zone: tzinfo | None = None
) -> tuple[Order, ...]:
    """Return the orders that entries name; one that names no order or no patient, or cannot be
    read, gives none.

    `zone`: of the server's clock; None: this machine's.
    """
    orders = []
    for entry in entries:
        try:
            order = _order(entry, site, zone)
        except Exception as error:  # noqa: BLE001 - pydicom raises many; its text may quote the entry
            _LOG.warning("an entry of the worklist cannot be read: %s", type(error).__name__)
            continue
        if order is not None:
            orders.append(order)
    return tuple(orders)


def _query(accession: str, day: date | None) -> Dataset:
    from pydicom.dataset import Dataset

    wanted, step, code = Dataset(), Dataset(), Dataset()
    for keyword in ("Modality", "ScheduledProcedureStepStartTime", "ScheduledStationAETitle"):
        setattr(step, keyword, "")
    step.ScheduledProcedureStepDescription = ""
    step.ScheduledProcedureStepStartDate = "" if day is None else f"{day:%Y%m%d}"
    for keyword in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"):
        setattr(code, keyword, "")
    wanted.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID"),
        *("ReferringPhysicianName", "RequestingPhysician", "RequestingService", "Allergies"),
        *("RequestedProcedureDescription", "RequestedProcedureID", "RequestedProcedurePriority"),
        *("ReasonForTheRequestedProcedure", "AdditionalPatientHistory", "CurrentPatientLocation"),
        *("PlacerOrderNumberImagingServiceRequest", "FillerOrderNumberImagingServiceRequest"),
        *("IssueDateOfImagingServiceRequest", "IssueTimeOfImagingServiceRequest"),
    ):
        setattr(wanted, keyword, "")
    wanted.PregnancyStatus = None
    wanted.AccessionNumber = accession
    wanted.ScheduledProcedureStepSequence = [step]
    wanted.RequestedProcedureCodeSequence = [code]
    return wanted


def _order(entry: Dataset, site: str, zone: tzinfo | None) -> Order | None:
    fields = Fields(entry)
    step = _item(entry, _STEPS, fields)
    patient = Patient(
        patient_id=fields.text(0x00100020),
        name=fields.text(0x00100010),
        birth_date=_day(fields.text(0x00100030)),
        sex=sex if (sex := fields.text(0x00100040).upper()) in _SEXES else "",
    )
    placer, filler = fields.text(0x00402016), fields.text(0x00402017)
    accession = _accession(fields.text(0x00080050))
    if not patient.patient_id or not (placer or filler or accession):
        return None
    scheduled = None
    if step is not None:
        scheduled = _moment(step.text(0x00400002), step.text(0x00400003), zone)
    issued = _moment(fields.text(0x00402004), fields.text(0x00402005), zone)
    return Order(
        placer=placer or None,
        filler=filler or None,
        site=site,
        # What was cancelled or done is not on a worklist.
        state=OrderState.PLACED,
        accession=accession,
        patient=patient,
        procedure=_procedure(entry, fields, step),
        reason=fields.text(0x00401002) or None,
        history=fields.text(0x001021B0) or None,
        referring=_referring(fields),
        priority=_PRIORITIES.get(fields.text(0x00401003).upper(), Priority.ROUTINE),
        # The same entry gives the same order, whenever it is asked for.
        placed_at=issued or scheduled or datetime(1970, 1, 1, tzinfo=UTC),
        scheduled_at=scheduled,
        ward=fields.text(0x00380300) or None,
        allergies=tuple(filter(None, (fields.text(0x00102110),))),
        people=tuple(sorted(filter(None, {fields.text(0x00321032), fields.text(0x00080090)}))),
        pregnancy=_pregnancy(entry.get("PregnancyStatus")),
    )


def _procedure(entry: Dataset, fields: Fields, step: Fields | None) -> RequestedProcedure:
    coded = _item(entry, _CODES, fields)
    code = None
    if coded is not None and coded.text(0x00080100):
        code = Code(coded.text(0x00080100), coded.text(0x00080102), coded.text(0x00080104))
    description = fields.text(0x00321060) or (code.meaning if code else "")
    if not description and step is not None:
        description = step.text(0x00400007)
    uid = fields.text(0x0020000D)
    modality = "" if step is None else step.text(0x00080060).upper()
    return RequestedProcedure(
        id=fields.text(0x00401001) or None,
        description=description,
        code=code,
        modality=modality or None,
        study_uid=uid if re.fullmatch(r"[0-9.]{1,64}", uid) else None,
    )


def _referring(fields: Fields) -> ReferringPerson | None:
    name = fields.text(0x00321032) or fields.text(0x00080090)
    department = fields.text(0x00321033) or None
    return ReferringPerson(name, department=department) if name else None


def _pregnancy(sent: object) -> Pregnancy:
    """Return what an entry says; some send several values, or what is no number."""
    return _PREGNANCY.get(sent, Pregnancy.UNKNOWN) if isinstance(sent, int) else Pregnancy.UNKNOWN


def _item(entry: Dataset, tag: int, parent: Fields) -> Fields | None:
    """Return the first item of a sequence, None where there is none."""
    if tag not in entry:
        return None
    element: Any = entry[tag]
    return Fields(element.value[0], parent) if element.VR == "SQ" and element.value else None


def _accession(number: str) -> Accession | None:
    try:
        return Accession(number[:MAX_ACCESSION])
    except ReportError:
        return None


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date()
    except ValueError:
        return None


def _moment(day: str, time: str, zone: tzinfo | None) -> datetime | None:
    """Return a date with its time (midnight where that lacks) in UTC; None where it is none."""
    digits = re.sub(r"\D", "", time.partition(".")[0])[:6].ljust(6, "0")
    try:
        local = datetime.strptime(day[:8] + digits, "%Y%m%d%H%M%S")
        return (local.replace(tzinfo=zone) if zone else local).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
