"""Studies that come by themselves: listener, watched folder, completion and the judge of single
images, in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import SettingsError, StorageError
from radraft.core.networks import is_loopback
from radraft.core.scratch import sweep
from radraft.exchange.values import KeepOutcome
from radraft.pipeline.commitments import CommitmentReports
from radraft.pipeline.completion import Completion
from radraft.pipeline.image_judge import ImageJudge
from radraft.pipeline.inbox import Inbox
from radraft.store import arrivals

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.exchange.dimse import Listener, ListenerSettings
    from radraft.exchange.watched_folder import Watcher
    from radraft.llm.profiles import Profile
    from radraft.pipeline.ingest import IngestResult
    from radraft.store.database import Store
    from radraft.studies.features import FeatureExtractor

_LOG = logging.getLogger("radraft.intake")

TICK_S = 1.0
"""How often the watched folder and the quiet times are looked at."""
MIB = 1 << 20


@dataclass(frozen=True)
class Progress:
    """What came since the start of this process, and what waits or was refused in all."""

    stored: int
    known: int
    failed: int
    """Not stored, and the sender was told."""
    taken_in: int
    """Cases that are new or have new images."""
    waiting: int
    refused: int


def wanted(settings: Settings) -> bool:
    """Return whether the settings name anything to receive from."""
    return bool(settings.dicom_port) or settings.watch_dir is not None


@contextmanager
def opened_inbox(settings: Settings, store: Store) -> Iterator[Inbox]:
    """Open the inbox of the data folder; what killed processes left in scratch goes first."""
    sweep(settings.data_dir / "scratch")
    inbox = Inbox(settings.data_dir, store, spare=settings.intake_spare_mib * MIB)
    try:
        yield inbox
    finally:
        inbox.close()


def completion(
    settings: Settings,
    profile: Profile,
    store: Store,
    inbox: Inbox,
    load_extractor: Callable[[], FeatureExtractor | None],
) -> Completion:
    """Takes complete studies out of `inbox` along the line."""
    scratch = settings.data_dir / "scratch"
    return Completion(
        store,
        inbox,
        take_in=partial(
            _take_in, store=store, profile=profile, scratch=scratch, load_extractor=load_extractor
        ),
        quiet_s=lambda site: settings.quiet_by_site.get(site, settings.quiet_s),
        scratch=scratch,
    )


@contextmanager
def receiving(
    settings: Settings,
    profile: Profile,
    store: Store,
    *,
    load_extractor: Callable[[], FeatureExtractor | None] = lambda: None,
    wake: Callable[[], None] = lambda: None,
    commitments: CommitmentReports | None = None,
) -> Iterator[Receiver]:
    """Receive until the end of the context; `wake()` is called when cases wait for a draft.

    `commitments`: what takes reports of storage commitment, where it also counts them.

    SettingsError `dicom_peers_missing`, `dicom_port_in_use`, `dicom_tls_unusable`,
    `watch_dir_unusable`.
    """
    with opened_inbox(settings, store) as inbox:
        watcher = _watcher(settings, inbox)
        listener = _listener(settings, inbox, commitments or CommitmentReports(store))
        done = completion(settings, profile, store, inbox, load_extractor)
        receiver = Receiver(store, inbox, done, listener, watcher, wake)
        image_judge = ImageJudge(store, inbox, settings.data_dir / "scratch", load_extractor)
        receiver.start()
        image_judge.start()
        try:
            yield receiver
        finally:
            if listener is not None:
                listener.close()
            image_judge.stop()
            receiver.stop()
            receiver.join()
            image_judge.join()


class Receiver(threading.Thread):
    """Looks at the watched folder and takes in complete studies, until `stop` is called."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        completion: Completion,
        listener: Listener | None,
        watcher: Watcher | None,
        wake: Callable[[], None],
    ) -> None:
        super().__init__(name="radraft-receiver", daemon=True)
        self._store = store
        self._inbox = inbox
        self._completion = completion
        self._listener = listener
        self._watcher = watcher
        self._wake = wake
        self._stop_event = threading.Event()
        self._taken_in = 0
        self._logged: dict[KeepOutcome, int] = {}

    @property
    def port(self) -> int | None:
        """Return of the DICOM listener."""
        return self._listener.port if self._listener else None

    def stop(self) -> None:
        """End after the study that is being taken in."""
        self._stop_event.set()

    def progress(self) -> Progress:
        """Return where things stand."""
        counts = self._inbox.counts()
        with self._store.read() as session:
            states = arrivals.counts(session)
        return Progress(
            stored=counts[KeepOutcome.STORED],
            known=counts[KeepOutcome.KNOWN],
            failed=self._listener.failed if self._listener else 0,
            taken_in=self._taken_in,
            waiting=states[arrivals.ArrivalState.WAITING],
            refused=states[arrivals.ArrivalState.REFUSED],
        )

    def run(self) -> None:
        """Thread body."""
        while not self._stop_event.wait(TICK_S):
            try:
                if self._watcher is not None:
                    self._watcher.poll()
                taken = self._completion.run(stop=self._stop_event)
            except (StorageError, SQLAlchemyError, OSError) as error:
                _LOG.error("receiving paused: %s", type(error).__name__)
                continue
            self._taken_in += taken
            if taken:
                self._wake()
            self._log()

    def _log(self) -> None:
        """Counts, whenever they have changed: never who or what."""
        counts = self._inbox.counts()
        if counts != self._logged:
            _LOG.info(
                "objects stored %d, known before %d",
                counts[KeepOutcome.STORED],
                counts[KeepOutcome.KNOWN],
            )
            self._logged = counts


def _take_in(
    folder: Path,
    site: str,
    *,
    store: Store,
    profile: Profile,
    scratch: Path,
    load_extractor: Callable[[], FeatureExtractor | None],
) -> IngestResult:
    from radraft.pipeline.ingest import ingest

    return ingest(
        folder,
        store=store,
        profile=profile,
        site=site,
        scratch=scratch,
        load_extractor=load_extractor,
    )


def _watcher(settings: Settings, inbox: Inbox) -> Watcher | None:
    if settings.watch_dir is None:
        return None
    from radraft.exchange.watched_folder import Watcher

    return Watcher(
        settings.watch_dir,
        inbox,
        site=settings.site,
        quiet_s=settings.quiet_s,
        clock=inbox.clock,
    )


def _listener(settings: Settings, inbox: Inbox, commitments: CommitmentReports) -> Listener | None:
    if not settings.dicom_port:
        return None
    from radraft.exchange.dimse import Listener

    return Listener(_listener_settings(settings), inbox, commitments)


def _listener_settings(settings: Settings) -> ListenerSettings:
    from radraft.exchange.dimse import ListenerSettings, Peer, Tls

    if not is_loopback(settings.dicom_host) and not settings.dicom_peers:
        raise SettingsError("dicom_peers_missing")
    tls = None
    if settings.dicom_tls_cert is not None:
        tls = Tls(settings.dicom_tls_cert, settings.dicom_tls_key, settings.dicom_tls_ca)
    return ListenerSettings(
        host=settings.dicom_host,
        port=settings.dicom_port,
        aet=settings.dicom_aet,
        site=settings.site,
        peers=tuple(Peer(peer.aet, peer.host, peer.site) for peer in settings.dicom_peers),
        tls=tls,
        most_bytes=settings.dicom_max_mib * MIB,
        most_associations=settings.dicom_associations,
        # One address never has them all; on loopback alone there is but one.
        most_each=max(1, settings.dicom_associations * 3 // 4) if settings.dicom_peers else None,
    )
