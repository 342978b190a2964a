"""What the intake's tests send, with what, and the time they live in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from radraft.exchange.dimse import Listener, ListenerSettings
from radraft.exchange.values import CommitmentSink
from radraft.llm.profiles import load_profile
from radraft.pipeline import ingest as arrival
from radraft.pipeline.completion import Completion
from radraft.pipeline.inbox import Inbox
from radraft.pipeline.ingest import IngestResult
from radraft.store import arrivals
from radraft.store.database import Store
from tests.studies import builders

PROFILE = load_profile("starter")
OURS = "RADRAFT"
QUIET_S = 30.0


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def film(number: int = 1, study: int = 1, **changed: Any) -> Dataset:
    """Film `number` of study `study`, with pixels of its own."""
    return builders.radiograph(
        builders.gradient(top=1000 + 10 * number),
        number=number + 100 * study,
        StudyInstanceUID=f"1.2.826.0.1.3680043.10.2.{study}",
        **changed,
    )


def film_file(folder: Path, number: int = 1, study: int = 1, **changed: Any) -> Path:
    """The film as a file."""
    return builders.write(film(number, study, **changed), folder / f"film-{study}-{number}.dcm")


@contextmanager
def listening(
    inbox: Inbox, commitments: CommitmentSink | None = None, **changed: Any
) -> Iterator[Listener]:
    """A listener on any free port of the loopback."""
    settings: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "aet": OURS, "site": "site-a"}
    listener = Listener(ListenerSettings(**settings | changed), inbox, commitments)
    try:
        yield listener
    finally:
        listener.close()


@contextmanager
def associated(
    port: int,
    *contexts: tuple[str, list[str]],
    calling: str = "CT1",
    called: str = OURS,
    tls: Any = None,
) -> Iterator[Association]:
    """An association of pynetdicom's own client, established or not."""
    entity = AE(calling)
    for abstract, transfer in contexts or ((ComputedRadiographyImageStorage, list(PLAIN)),):
        entity.add_requested_context(abstract, transfer)
    association = entity.associate("127.0.0.1", port, ae_title=called, tls_args=tls)
    connection = association.dul.socket.socket if association.dul.socket else None
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        else:
            association.kill()
        if connection is not None:
            # pynetdicom leaves it open where the other side closed first.
            connection.close()


PLAIN = (str(ExplicitVRLittleEndian),)


def send(port: int, *films: Dataset, calling: str = "CT1") -> list[int]:
    """Status of each film's C-STORE, on one association."""
    with associated(port, calling=calling) as association:
        assert association.is_established
        statuses = []
        for one in films:
            one.file_meta = pydicom.dataset.FileMetaDataset()
            one.file_meta.TransferSyntaxUID = UID(PLAIN[0])
            statuses.append(int(association.send_c_store(one).Status))
        return statuses


def completing(store: Store, inbox: Inbox, scratch: Path) -> Completion:
    """Completion along the real line."""
    ingest = partial(_ingest, store=store, scratch=scratch)
    return Completion(store, inbox, take_in=ingest, quiet_s=lambda site: QUIET_S, scratch=scratch)


def _ingest(folder: Path, site: str, *, store: Store, scratch: Path) -> IngestResult:
    return arrival.ingest(
        folder, store=store, profile=PROFILE, site=site, scratch=scratch, judging=False
    )


def states(store: Store) -> dict[str, int]:
    """How many arrivals are in each state, those with none left out."""
    with store.read() as session:
        found = arrivals.counts(session)
    return {state.value: number for state, number in found.items() if number}


def refused_codes(store: Store) -> list[str | None]:
    """Codes of what was refused, oldest first."""
    with store.read() as session:
        return [one.code for one in reversed(arrivals.listing(session, limit=100))]
