"""What is sent to a PACS by STOW, and what its answer says of each object (PS3.18 10.5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radraft.core.errors import StudyRejected
from radraft.exchange._dicom_json import number_of, text_of, values_of
from radraft.exchange.incoming_files import data_set_sha256, sop_instance_uid

_REFERENCED, _FAILED = "00081199", "00081198"
_INSTANCE_UID = "00081155"
_WARNING_REASON, _FAILURE_REASON = "00081196", "00081197"


@dataclass(frozen=True)
class Sendable:
    """Files by the object that each holds."""

    by_uid: dict[str, tuple[Path, ...]] = field(repr=False)
    """By SOP Instance UID; several where the same bytes lie in several files."""
    refused: tuple[tuple[Path, str], ...] = field(repr=False)
    """What cannot be sent, each with its code."""


@dataclass(frozen=True)
class StowAnswer:
    """What a PACS said of the objects of one request."""

    stored: frozenset[str] = field(repr=False)
    """SOP Instance UIDs, all of them sent."""
    warned: tuple[int, ...]
    """Warning Reason (0008,1196) of each that was stored with one."""
    failed: tuple[int, ...]
    """Failure Reason (0008,1197) of each that was not stored."""
    unconfirmed: tuple[str, ...] = field(repr=False)
    """SOP Instance UIDs that were sent and of which it says nothing."""


def sendable(files: Sequence[Path]) -> Sendable:
    """Return which objects `files` hold. OSError where one cannot be read."""
    by_uid: dict[str, tuple[Path, ...]] = {}
    refused = []
    for path in files:
        try:
            uid = sop_instance_uid(path)
        except StudyRejected as error:
            refused.append((path, error.code))
            continue
        others = by_uid.get(uid, ())
        if not uid:
            refused.append((path, "push_no_dicom"))
        elif others and data_set_sha256(path) != data_set_sha256(others[0]):
            refused.append((path, "push_same_uid"))
        else:
            by_uid[uid] = (*others, path)
    return Sendable(by_uid, tuple(refused))


def compared(sent: Sequence[str], said: Any) -> StowAnswer:
    """Compare an answer (DICOM JSON) with the UIDs that were sent.

    An object is stored only where the answer names it as stored, and not as failed too.
    """
    failures = {text_of(item, _INSTANCE_UID): item for item in values_of(said, _FAILED)}
    stored = {text_of(item, _INSTANCE_UID): item for item in values_of(said, _REFERENCED)}
    failed = [number_of(failures[uid], _FAILURE_REASON) for uid in sent if uid in failures]
    named = [uid for uid in sent if uid in stored and uid not in failures]
    left = [uid for uid in sent if uid not in stored and uid not in failures]
    # A failure without its UID is whose only where nothing else is left that it could be of.
    nameless = [item for item in values_of(said, _FAILED) if not text_of(item, _INSTANCE_UID)]
    if left and len(nameless) == len(left):
        failed += [number_of(item, _FAILURE_REASON) for item in nameless]
        left = []
    warned = [number_of(stored[uid], _WARNING_REASON) for uid in named]
    return StowAnswer(
        stored=frozenset(named),
        warned=tuple(reason for reason in warned if reason),
        failed=tuple(failed),
        unconfirmed=tuple(left),
    )
