"""Reports into a PACS: by C-STORE (PS3.4 B) or by STOW-RS (PS3.18 10.5)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import SettingsError
from radraft.core.scratch import ScratchFolder
from radraft.exchange._association import association, require_answered
from radraft.exchange.dicomweb import Dicomweb
from radraft.exchange.values import DeliveryError, PacsError
from radraft.reports.outgoing_entry import FailureKind, SopInstance

if TYPE_CHECKING:
    from radraft.exchange.targets import Target

_SUCCESS = 0x0000
_KNOWN_ALREADY = 0x0111
"""Duplicate SOP Instance: the PACS has it from an earlier try."""
_STORED = frozenset({_SUCCESS, _KNOWN_ALREADY, 0xB000, 0xB006, 0xB007})
"""Success, and the warnings with which the object is stored (PS3.4 B.2.3)."""
_OF_NOW = frozenset({0x0110, 0x0213})
"""Processing failure, resource limitation: nothing about the object."""


def store(document: bytes, target: Target) -> SopInstance:
    """Store a DICOM file by C-STORE and return what it is; the PACS has said that it has it.

    DeliveryError `dicom_unreachable`, `delivery_tls_failed`, `dicom_association_rejected`,
    `dicom_not_accepted`, `dicom_no_answer`, `dicom_busy`, `dicom_refused`.
    """
    from pydicom import dcmread

    data_set = dcmread(io.BytesIO(document))
    meta = data_set.file_meta
    instance = SopInstance(str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID))
    assert target.host is not None
    with association(
        target, instance.sop_class, host=target.host, called_aet=target.called_aet
    ) as opened:
        require_answered(opened)
        if not opened.is_established:
            raise DeliveryError("dicom_not_accepted", FailureKind.REFUSED)
        try:
            answer = opened.send_c_store(data_set)
        except (RuntimeError, ValueError):
            # Aborted meanwhile, or no context for its syntax.
            raise DeliveryError("dicom_no_answer", FailureKind.UNCLEAR) from None
    if "Status" not in answer:
        raise DeliveryError("dicom_no_answer", FailureKind.UNCLEAR)
    if int(answer.Status) not in _STORED:
        raise _not_stored(int(answer.Status))
    return instance


def stow(document: bytes, target: Target, scratch: Path) -> None:
    """Store a DICOM file by STOW; on return the PACS has said that it has it.

    `scratch`: where the file lies meanwhile. DeliveryError as `store`, and with the codes of
    PacsError.
    """
    ca = None if target.tls is None else target.tls.ca
    with ScratchFolder(scratch, "stow-") as folder:
        file = folder / "document.dcm"
        file.write_bytes(document)
        try:
            with Dicomweb(
                target.url,
                user=target.user,
                password=target.password,
                ca=ca,
                timeout_s=target.timeout_s,
            ) as pacs:
                pushed = pacs.store([file])
        except PacsError as error:
            raise _of_pacs(error) from None
        except SettingsError:
            raise DeliveryError("delivery_tls_failed", FailureKind.AWAY) from None
    for reason in pushed.failed:
        if reason != _KNOWN_ALREADY:
            raise _not_stored(reason)
    if pushed.stored + len(pushed.failed) != 1:
        raise DeliveryError("pacs_bad_answer", FailureKind.UNCLEAR)


def _not_stored(status: int) -> DeliveryError:
    details = {"status": f"{status:04X}"}
    if status in _OF_NOW or 0xA700 <= status <= 0xA7FF:
        return DeliveryError("dicom_busy", FailureKind.UNCLEAR, **details)
    return DeliveryError("dicom_refused", FailureKind.REFUSED, **details)


def _of_pacs(error: PacsError) -> DeliveryError:
    status = error.details.get("status", 0)
    if error.code in {"pacs_unreachable", "pacs_refused", "pacs_study_not_found"}:
        kind = FailureKind.AWAY
    elif isinstance(status, int) and 400 <= status < 500 and status not in {408, 425, 429}:
        kind = FailureKind.REFUSED
    else:
        kind = FailureKind.UNCLEAR
    return DeliveryError(error.code, kind, **error.details)
