"""Whether this radraft can be used now, and how much waits in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radraft.core.errors import StorageError
from radraft.llm.link import LlmState
from radraft.store import alerts, arrivals, audit, cases, signature_log
from radraft.store.alerts import AlertCounts
from radraft.store.arrivals import ArrivalState
from radraft.store.cases import CaseState

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.store.database import Store


@dataclass(frozen=True)
class Readiness:
    """Whether studies can be read and reports written. A code is empty where all is well."""

    database: str
    """Code of what keeps the database from being read."""
    objects: str
    """Code of what keeps pixels from being read."""
    llm: LlmState
    """Told, and no condition: without a vLLM reports are read, written and signed all the same."""

    @property
    def ready(self) -> bool:
        """Whether browsers may be sent here."""
        return not self.database and not self.objects


@dataclass(frozen=True)
class StoredFigures:
    """How much waits, as the database has it."""

    cases: Mapping[CaseState, int]
    arrivals: Mapping[ArrivalState, int]
    alerts: AlertCounts
    heads_unsent: int
    """Heads of the chain of signatures that were not sent to the signature log yet."""
    audit_unsent: int
    """Events of the audit that were not sent to the log server yet; 0 where none is set."""


@dataclass(frozen=True)
class Figures:
    """What is counted anew each time somebody asks."""

    stored: StoredFigures | None
    """None where the database cannot be read."""
    llm: LlmState
    free_bytes: int
    """Left on the disk of the data folder."""


def readiness(store: Store, llm: LlmState) -> Readiness:
    """Return whether `store` can be read."""
    database = objects = ""
    try:
        with store.read() as session:
            cases.any_case(session)
    except StorageError as error:
        database = error.code
    try:
        store.objects.require_reachable()
    except StorageError as error:
        objects = error.code
    return Readiness(database, objects, llm)


def figures(store: Store, settings: Settings, llm: LlmState) -> Figures:
    """Return how much waits; without the store's part where it cannot be read."""
    try:
        stored = _stored(store, settings)
    except StorageError:
        stored = None
    return Figures(stored, llm, shutil.disk_usage(settings.data_dir).free)


def _stored(store: Store, settings: Settings) -> StoredFigures:
    with store.read() as session:
        return StoredFigures(
            cases=cases.counts(session),
            arrivals=arrivals.counts(session),
            alerts=alerts.counts(session),
            heads_unsent=signature_log.unsent(session) if store.head_sender is not None else 0,
            audit_unsent=audit.unsent(session) if settings.audit_syslog else 0,
        )
