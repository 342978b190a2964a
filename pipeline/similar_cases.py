"""Signed cases whose pictures are like those of a case, each with the impression that was signed.

The database is the truth. For each site and encoder a file holds one vector for each signed case,
made of stored embeddings; what was signed since the file was written is held in memory, read from
the database when somebody asks. The file only proposes: what is shown was looked up in the database
at that moment. It is written whole beside the one before and then takes its place, so that any
number of processes may read it while one writes; where it is missing, damaged or of another
database, it is made anew in the background.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from radraft.core.errors import NotFound, RadraftError, StorageError
from radraft.core.locks import alone
from radraft.prompts.values import Said
from radraft.store import cases, drafts, priors, similar
from radraft.store.similar import BEGINNING, ChainPlace
from radraft.studies.values import View
from radraft.vision_encoder import stored
from radraft.vision_encoder.nearest import DamagedIndex, Floats, Neighbour, VectorIndex, exact

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.similar_cases")

SHOWN = 5
AT_ONCE = 200
"""Cases read from the database at once, and the most that a request adds itself."""
KEPT_IN_MEMORY = 1000
"""Cases signed since the file was written, from which on it is written anew."""
SAVED_EVERY = 50_000
"""Cases after which a long build is written, so that one that was broken off goes on from there."""
MOST_CANDIDATES = 2000
"""Looked up for one case at most."""

Move = Callable[[int, int], None]
"""Called with how many of the site's signed cases were taken in, and of how many."""


class SimilarState(StrEnum):
    """What can be said of the signed cases that are like a case."""

    READY = "ready"
    BUILDING = "building"
    """The index is being made; what is found so far may not be the nearest."""
    NOT_EMBEDDED = "not_embedded"
    """The case's own images were not embedded, or are gone."""
    ELSEWHERE = "elsewhere"
    """Who asks reads the study for another site, whose cases they are not to see."""
    OFF = "off"


@dataclass(frozen=True)
class SimilarCase:
    """A signed case of another patient."""

    case_id: str
    likeness: float
    """Cosine of the pictures' embeddings, -1 to 1: how alike they are to the encoder. It is no
    chance of the same diagnosis."""
    modality: str
    body_part: str
    view: View
    impression: Said = field(repr=False)
    """Of the newest signed version, without identity."""


@dataclass(frozen=True)
class SimilarCases:
    """What a study page shows."""

    state: SimilarState
    cases: tuple[SimilarCase, ...] = ()
    """The likest first."""


@dataclass(frozen=True)
class IndexFile:
    """What is known of a file of vectors."""

    site: str
    encoder_id: str
    name: str
    """Of the file beside it; empty before the first."""
    sha256: str
    vectors: int
    until: ChainPlace
    """All cases signed up to there are in it, if their embeddings were there."""


class SimilarSearch:
    """Finds them. Thread-safe; any number of processes may do so in one data folder."""

    def __init__(self, store: Store, folder: Path, *, enabled: bool) -> None:
        """`folder`: where the files lie; it may be deleted at any time."""
        self._store = store
        self._folder = folder
        self._enabled = enabled
        self._lock = threading.Lock()
        self._indexes: dict[tuple[str, str], SiteIndex] = {}

    def of_case(self, case_id: str, *, most: int = SHOWN) -> SimilarCases:
        """Return the signed cases of the same site that are most like it, of other patients.

        NotFound `case_not_found`.
        """
        if not self._enabled:
            return SimilarCases(SimilarState.OFF)
        with self._store.read() as session:
            site = cases.get_case(session, case_id).site
            draft = drafts.latest(session, case_id)
        vector = None
        if draft is not None and draft.encoder_id is not None:
            vector = case_vector(self._store, draft.encoder_id, draft.image_ids)
        if draft is None or draft.encoder_id is None or vector is None:
            return SimilarCases(SimilarState.NOT_EMBEDDED)
        index = self.index(site, draft.encoder_id)
        state = index.follow()
        with self._store.read() as session:
            return SimilarCases(state, _nearest(session, index, case_id, vector, most))

    def index(self, site: str, encoder_id: str) -> SiteIndex:
        """Return what is known of the signed cases of a site by an encoder."""
        with self._lock:
            key = (site, encoder_id)
            if key not in self._indexes:
                self._indexes[key] = SiteIndex(self._store, self._folder, site, encoder_id)
            return self._indexes[key]

    def files(self) -> tuple[tuple[IndexFile, int, bool], ...]:
        """Return the files that are there, their size in bytes, and whether they are of this
        database."""
        found = []
        for path in sorted(self._folder.glob("*/about.json")):
            about = _read_about(path)
            if about is not None:
                size = _size(path.parent / about.name)
                with self._store.read() as session:
                    found.append((about, size, similar.is_there(session, about.until)))
        return tuple(found)

    def wait(self) -> None:
        """Return once nothing is being built in the background of this process."""
        for index in list(self._indexes.values()):
            index.wait()


_NONE: Floats = np.empty((0, 0), np.float32)


def case_vector(store: Store, encoder_id: str, image_ids: tuple[str, ...]) -> Floats | None:
    """Return (e,): the mean direction of a case's stored image embeddings; None where one of them
    is gone or damaged."""
    pooled = []
    for image_id in image_ids:
        try:
            pooled.append(stored.read(store.objects, encoder_id, image_id).pooled)
        except (NotFound, stored.Damaged):
            return None
    total: Floats = np.sum(pooled, axis=0, dtype=np.float32) if pooled else np.zeros(1, np.float32)
    length = float(np.linalg.norm(total))
    if length <= 0:
        return None
    direction: Floats = total / np.float32(length)
    return direction


class SiteIndex:
    """The signed cases of one site as one encoder sees them: a file, and what came since."""

    def __init__(self, store: Store, folder: Path, site: str, encoder_id: str) -> None:
        self._store = store
        self.site, self.encoder_id = site, encoder_id
        name = hashlib.sha256(f"{site}\0{encoder_id}".encode()).hexdigest()[:32]
        self._folder = folder / name
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._forget()

    def _forget(self) -> None:
        self._stamp: tuple[int, int] | None = None
        self._index: VectorIndex | None = None
        self._since: dict[int, Floats] = {}
        self._removed: frozenset[int] = frozenset()
        self._until = BEGINNING

    def follow(self) -> SimilarState:
        """Take in what was signed since, as far as that takes no long time; the rest, and a file
        that must be made anew, are left to a thread."""
        with self._lock:
            self._open_newest()
            with self._store.read() as session:
                if not similar.is_there(session, self._until):
                    # Another database, or this one as it was before: nothing of it holds.
                    self._forget()
                done = self._take_in(session)
            if not done or len(self._since) >= KEPT_IN_MEMORY:
                self._start()
            return SimilarState.READY if done else SimilarState.BUILDING

    def search(self, vector: Floats, count: int) -> list[Neighbour]:
        """Return up to `count` of the likest cases, the likest first."""
        with self._lock:
            index, since, removed = self._index, dict(self._since), self._removed
        found: list[Neighbour] = []
        if index is not None and index.width == len(vector):
            wanted = count + min(len(removed), MOST_CANDIDATES)
            found = [one for one in index.search(vector, wanted) if one.key not in removed]
        fresh = {key: one for key, one in since.items() if len(one) == len(vector)}
        if fresh:
            keys, pool = list(fresh), np.stack(list(fresh.values()))
            found += [
                Neighbour(keys[place], float(pool[place] @ vector))
                for place in exact(vector[None], pool, count)[0]
            ]
        return sorted(found, key=lambda one: (-one.likeness, one.key))[:count]

    def build(self, move: Move = lambda done, total: None, *, anew: bool = False) -> IndexFile:
        """Write the file so that it holds all that is signed now; `anew`: from nothing.

        StorageError `similar_running` where another process does that, `similar_unwritable`.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone(self._folder / "lock") as first:
            if not first:
                raise StorageError("similar_running")
            try:
                return self._written(move, anew=anew)
            except (OSError, RuntimeError) as error:
                if isinstance(error, RadraftError):
                    raise
                log.error("index of similar cases not written: %s", type(error).__name__)
                raise StorageError("similar_unwritable") from None

    def wait(self) -> None:
        """Return once its thread has ended."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _written(self, move: Move, *, anew: bool) -> IndexFile:
        about, index = (None, None) if anew else self._whole()
        if about is None:
            about = IndexFile(self.site, self.encoder_id, "", "", 0, BEGINNING)
        with self._store.read() as session:
            total = similar.signed_count(session, self.site)
            gone = similar.dropped_numbers(session, self.site)
        if index is not None:
            index.remove(gone)
        until, done, unsaved = about.until, len(index or ()), 0
        while True:
            with self._store.read() as session:
                page = similar.signed_after(session, self.site, self.encoder_id, until, AT_ONCE)
            vectors = dict(self._vectors(page))
            if vectors and index is None:
                index = VectorIndex.empty(len(next(iter(vectors.values()))))
            if index is not None:
                fit = {key: one for key, one in vectors.items() if len(one) == index.width}
                index.add(list(fit), np.stack([*fit.values()]) if fit else _NONE)
                unsaved += len(fit)
            until, done = page.until, done + len(page.cases)
            move(done, total)
            ended = len(page.cases) < AT_ONCE
            if ended or unsaved >= SAVED_EVERY:
                about, unsaved = self._save(index, until), 0
            if ended:
                return about

    def _save(self, index: VectorIndex | None, until: ChainPlace) -> IndexFile:
        name = f"{secrets.token_hex(8)}.vectors"
        path = self._folder / name
        (index or VectorIndex.empty(1)).save(path)
        path.chmod(0o600)
        _synced(path)
        about = IndexFile(
            self.site, self.encoder_id, name, _sha(path), 0 if index is None else len(index), until
        )
        beside = self._folder / f"{name}.json"
        beside.write_text(json.dumps(asdict(about), ensure_ascii=False), encoding="utf-8")
        beside.chmod(0o600)
        _synced(beside)
        beside.replace(self._folder / "about.json")
        # Who has the one before open reads it to its end.
        for old in self._folder.glob("*.vectors*"):
            if old.name != name:
                with suppress(FileNotFoundError):
                    old.unlink()
        return about

    def _whole(self) -> tuple[IndexFile | None, VectorIndex | None]:
        """Return the file to go on from; nothing where it is not whole or not of this database."""
        about, index = self._opened(frozen=False)
        if about is None or index is None:
            return None, None
        with self._store.read() as session:
            if not similar.is_there(session, about.until):
                return None, None
        return about, index if about.vectors else None

    def _opened(self, *, frozen: bool) -> tuple[IndexFile | None, VectorIndex | None]:
        about = _read_about(self._folder / "about.json")
        if about is None or (about.site, about.encoder_id) != (self.site, self.encoder_id):
            return None, None
        path = self._folder / about.name
        try:
            if _sha(path) != about.sha256:
                raise DamagedIndex(about.name)
            return about, VectorIndex.open(path, frozen=frozen)
        except (OSError, DamagedIndex):
            log.warning("index of similar cases is damaged and is made anew: %s", about.name)
            return None, None

    def _open_newest(self) -> None:
        """Open the file that is there now, where it is another than before."""
        try:
            status = (self._folder / "about.json").stat()
        except OSError:
            stamp = None
        else:
            stamp = (status.st_ino, status.st_mtime_ns)
        if stamp == self._stamp:
            return
        self._forget()
        self._stamp = stamp
        about, index = self._opened(frozen=True)
        if about is None:
            return
        with self._store.read() as session:
            if not similar.is_there(session, about.until):
                return
            self._removed = frozenset(similar.dropped_numbers(session, self.site))
        self._index, self._until = index if about.vectors else None, about.until

    def _take_in(self, session: Session) -> bool:
        """Take in up to `AT_ONCE` cases; return whether these were all."""
        page = similar.signed_after(session, self.site, self.encoder_id, self._until, AT_ONCE)
        if len(page.cases) == AT_ONCE and len(self._since) >= KEPT_IN_MEMORY:
            return False
        self._since.update(self._vectors(page))
        self._until = page.until
        return len(page.cases) < AT_ONCE

    def _vectors(self, page: similar.SignedPage) -> Iterator[tuple[int, Floats]]:
        for case in page.cases:
            vector = case_vector(self._store, self.encoder_id, case.image_ids)
            if vector is not None:
                yield case.number, vector

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._build_quietly, name="radraft-similar", daemon=True
            )
            self._thread.start()

    def _build_quietly(self) -> None:
        try:
            self.build()
        except (RadraftError, SQLAlchemyError) as error:
            # The next request begins again.
            log.info(
                "index of similar cases waits: %s", getattr(error, "code", type(error).__name__)
            )


def _nearest(
    session: Session, index: SiteIndex, case_id: str, vector: Floats, most: int
) -> tuple[SimilarCase, ...]:
    """Return what may be shown of the likest: as the database has it now."""
    own = priors.perhaps_of_patient(session, case_id) | {case_id}
    shown: list[SimilarCase] = []
    asked: set[int] = set()
    count = 4 * most
    while True:
        found = index.search(vector, count)
        fresh = [one for one in found if one.key not in asked]
        asked.update(one.key for one in fresh)
        known = similar.by_number(session, index.site, [one.key for one in fresh])
        gone = similar.dropped(session, known.values())
        for one in fresh:
            other = known.get(one.key)
            if other is None or other in own or other in gone:
                continue
            case = _shown(session, case_id, other, one.likeness)
            if case is not None:
                shown.append(case)
            if len(shown) == most:
                return tuple(shown)
        if len(found) < count or count >= MOST_CANDIDATES:
            return tuple(shown)
        count *= 4


def _shown(session: Session, case_id: str, other: str, likeness: float) -> SimilarCase | None:
    impression = priors.impression_for(session, case_id, other)
    if impression is None:
        return None
    case = cases.deid_study(session, other)
    return SimilarCase(other, likeness, case.modality, case.body_part, case.view, impression)


def _read_about(path: Path) -> IndexFile | None:
    """Return what a file says of the one beside it; None where it is none."""
    try:
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        about = IndexFile(**{**plain, "until": ChainPlace(**plain["until"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # A name is never a path out of the folder.
    return about if Path(about.name).name == about.name else None


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
