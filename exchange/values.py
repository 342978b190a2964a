"""What crosses the boundaries of the intake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from radraft.core.errors import RadraftError
from radraft.reports.commitment import CommitmentReport
from radraft.reports.outgoing_entry import FailureKind

Clock = Callable[[], datetime]
"""The time now, with its zone."""

WATCH, PULL = "watch", "pull"
"""Sources that are no calling AE title; AE titles of these names are stored in upper case."""


class PacsError(RadraftError):
    """A PACS that cannot be reached, refuses, or answers what is not DICOMweb."""


class DeliveryError(RadraftError):
    """A receiver that did not take a report, or did not say so."""

    def __init__(self, code: str, kind: FailureKind, **details: str | int | float) -> None:
        super().__init__(code, file=None, **details)
        self.kind = kind
        """What this says about the next try."""


class KeepOutcome(StrEnum):
    """What became of an object that was offered to a sink."""

    STORED = "stored"
    KNOWN = "known"
    """The same SOP Instance UID with the same bytes came before."""


@dataclass(frozen=True)
class Incoming:
    """One DICOM object as it was encoded by its sender; nothing of it is decoded or changed."""

    head: bytes = field(repr=False)
    """Preamble and file meta information (PS3.10 7.1)."""
    data_set: memoryview = field(repr=False)
    syntax: str
    """Transfer Syntax UID of the data set; empty where the sender does not say."""
    sop_uid: str = field(repr=False)
    study_uid: str = field(repr=False)

    def sha256(self) -> str:
        """Hash of the data set and its transfer syntax, as 64 hex digits.

        The file meta information names the sender and stays out: one object that comes by two ways
        has one hash.
        """
        found = hashlib.sha256(self.syntax.encode("utf-8", "replace") + b"\n")
        found.update(self.data_set)
        return found.hexdigest()


class ObjectSink(Protocol):
    """Takes the objects that clients and servers receive. Threads may share it."""

    def keep(self, incoming: Incoming, *, source: str, site: str) -> KeepOutcome:
        """Store `incoming`; on return it is durable, whatever the outcome.

        OSError or StorageError where it could not be; then nothing of it is left.
        """


class CommitmentSink(Protocol):
    """Takes what PACSs report of objects that they were asked to keep. Threads may share it."""

    def take(self, report: CommitmentReport, *, source: str) -> bool:
        """Return whether `source`, an AE title, was asked in this transaction; on return what it
        says is written down, once however often it comes.

        StorageError where it could not be; then nothing of it counts.
        """
