"""A PACS over DICOMweb (PS3.18 10): search (QIDO), retrieve (WADO), store (STOW).

Retrieved objects are kept byte for byte as the PACS sends them; a body is never held whole. What a
PACS says is compared with what was asked and sent: a status of success alone is none.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from radraft.core.errors import SettingsError, StudyRejected
from radraft.core.scratch import ScratchFolder
from radraft.exchange._body import HeaderDeadline, body_chunks
from radraft.exchange._dicom_json import loaded, number_of, text_of
from radraft.exchange._multipart import (
    Malformed,
    boundary_of,
    media_type_of,
    related,
    save_parts,
    save_single,
)
from radraft.exchange._stow import StowAnswer, compared, sendable
from radraft.exchange.incoming_files import keep_file
from radraft.exchange.values import PULL, Incoming, KeepOutcome, ObjectSink, PacsError
from radraft.studies._header import UID
from radraft.studies._limits import MAX_FILE

MOST_STUDIES = 1000
"""Most studies of one search; a date that was forgotten must not fetch an archive."""
MOST_OF_SEARCH = 32 << 20
"""Most bytes of an answer that is read whole: to a search, or to what was stored."""
MOST_OF_STUDY = 64 << 30
"""Most bytes of a study."""
_PAGE = 100
_STUDY_UID, _STUDY_DATE, _PATIENT_ID = "0020000D", "00080020", "00100020"
_INSTANCES = "00201208"
_MOST_PER_STOW = 100
_NOTHING, _PARTIAL, _NONE_STORED = 204, 206, 409


@dataclass(frozen=True)
class Query:
    """Which studies; what is empty matches all."""

    patient_id: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)
    since: date | None = None
    """Day of the study, in the time zone of the PACS."""

    def parameters(self) -> dict[str, str]:
        """As a QIDO query (PS3.18 8.3.4)."""
        found = {"PatientID": self.patient_id, "StudyInstanceUID": self.study_uid}
        if self.since is not None:
            found["StudyDate"] = f"{self.since:%Y%m%d}-"
        return {name: value for name, value in found.items() if value}

    def fits(self, study: Any) -> bool:
        """Return whether a study of an answer is one that was asked for.

        What it does not say of itself counts for it: the PACS compared.
        """
        patient, day = text_of(study, _PATIENT_ID), text_of(study, _STUDY_DATE)
        return (
            (not self.study_uid or text_of(study, _STUDY_UID) == self.study_uid.strip())
            and (not patient or not self.patient_id or _matches(self.patient_id, patient))
            and (not day or self.since is None or day >= f"{self.since:%Y%m%d}")
        )


@dataclass(frozen=True)
class FoundStudy:
    """A study that a PACS says it has."""

    study_uid: str = field(repr=False)
    instances: int | None = None
    """How many it says the study has (0020,1208); None where it does not say."""


@dataclass(frozen=True)
class Pulled:
    """What came of a study that was asked for."""

    new: int
    """Objects that were not there yet."""
    instances: int
    """Instances of the study that came, each counted once."""
    refused: tuple[str, ...] = ()
    """Code of each object that could not be kept: it is not here."""
    fault: PacsError | None = None
    """Why the PACS did not send all, where it did not: the study is not whole."""

    def missing(self, announced: int | None) -> int:
        """Return how many instances of those that were announced did not come.

        A study of which nothing was announced has one at least.
        """
        return max(0, (announced or 1) - self.instances)


@dataclass(frozen=True)
class Pushed:
    """What a PACS said of objects that were stored in it."""

    stored: int
    """Files whose objects it says that it has."""
    failed: tuple[int, ...]
    """Failure Reason (0008,1197) of each that it says that it has not; 0 where it gives none."""
    warned: tuple[int, ...] = ()
    """Warning Reason (0008,1196) of each that was stored with one."""
    unconfirmed: tuple[Path, ...] = field(default=(), repr=False)
    """Files of which it said nothing, though they were sent twice, or which could not be sent."""
    refused: tuple[tuple[Path, str], ...] = field(default=(), repr=False)
    """Files that were not sent, each with its code."""
    fault: PacsError | None = None
    """What ended sending before all was sent."""


class Dicomweb:
    """A DICOMweb service. Use as a context manager. All methods raise PacsError."""

    def __init__(
        self, url: str, *, user: str = "", password: str = "", ca: Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:  # fmt: skip
        """`ca`: whose certificates are believed, in place of the system's.

        SettingsError `dicom_tls_unusable`.
        """
        try:
            verify = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError):
            raise SettingsError("dicom_tls_unusable") from None
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/",
            auth=(user, password) if user else None,
            verify=verify,
            timeout=timeout_s,
            trust_env=False,
            # To another address neither a request nor the log-in goes.
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
            # The deadline of a request ends its connection, so each has its own.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def search(self, query: Query) -> tuple[FoundStudy, ...]:
        """Return the studies that match, in the order of the PACS.

        PacsError `pacs_too_much` for more than 1,000.
        """
        said: dict[str, Any] = {}
        while page := self._page(query, len(said)):
            before = len(said)
            said.update({_study_uid(study): study for study in page})
            if len(said) > MOST_STUDIES:
                raise PacsError("pacs_too_much", most=MOST_STUDIES)
            # A PACS without paging gives the same studies again. How long a page is says nothing:
            # some give fewer than were asked for and have more.
            if len(said) == before:
                break
        return tuple(
            FoundStudy(uid, number_of(study, _INSTANCES) or None)
            for uid, study in said.items()
            if query.fits(study)
        )

    def retrieve(self, study_uid: str, folder: Path) -> Iterator[Path]:
        """Yield every object of a study as a new file in `folder`, each given once it is whole.

        PacsError `pacs_study_not_found`, `pull_bad_uid`; `pacs_study_empty` where nothing came; and
        after what came, for a study that is not whole: `pacs_partial`, `pacs_broke_off`,
        `pacs_bad_answer`, `pacs_too_slow`, `pacs_too_long`.
        """
        if len(study_uid) > 64 or not UID.fullmatch(study_uid):
            raise PacsError("pull_bad_uid")
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        nothing = True
        with self._asked("GET", f"studies/{study_uid}", headers={"Accept": accept}) as answer:
            for path in self._objects(answer, folder):
                nothing = False
                yield path
            if answer.status_code == _PARTIAL:
                raise PacsError("pacs_partial")
        if nothing:
            raise PacsError("pacs_study_empty")

    def store(self, files: Sequence[Path]) -> Pushed:
        """Store DICOM files in the PACS; what it does not confirm is sent once more.

        PacsError where none could be sent; where some were, the result says what ended it. OSError
        where a file cannot be read.
        """
        found = sendable(files)
        left = list(found.by_uid)
        stored: set[str] = set()
        warned: list[int] = []
        failed: list[int] = []
        unconfirmed: list[str] = []
        fault = None
        while left:
            batch = left[:_MOST_PER_STOW]
            try:
                answer = self._stored({uid: found.by_uid[uid][0] for uid in batch})
            except PacsError as error:
                if len(left) == len(found.by_uid):
                    raise
                fault = error
                break
            stored |= answer.stored
            warned += answer.warned
            failed += answer.failed
            left = left[_MOST_PER_STOW:]
            unconfirmed += answer.unconfirmed
        return Pushed(
            stored=sum(len(found.by_uid[uid]) for uid in stored),
            failed=tuple(failed),
            warned=tuple(warned),
            unconfirmed=tuple(path for uid in (*unconfirmed, *left) for path in found.by_uid[uid]),
            refused=found.refused,
            fault=fault,
        )

    def _stored(self, sent: dict[str, Path]) -> StowAnswer:
        """Store the files by their UIDs, and once more those that are not confirmed."""
        first = self._stow(sent)
        if not first.unconfirmed:
            return first
        again = self._stow({uid: sent[uid] for uid in first.unconfirmed})
        return StowAnswer(
            stored=first.stored | again.stored,
            warned=first.warned + again.warned,
            failed=first.failed + again.failed,
            unconfirmed=again.unconfirmed,
        )

    def _stow(self, sent: dict[str, Path]) -> StowAnswer:
        kind, content = related(sent.values())
        headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
        # 409 answers a request of which every object failed, with the reasons.
        with self._asked(
            "POST", "studies", headers=headers, content=content, may=_NONE_STORED
        ) as answer:
            body = self._whole(answer)
            refused = answer.status_code == _NONE_STORED
        try:
            said = loaded(body) if body.strip() else {}
        except PacsError:
            if not refused:
                raise
            said = {}
        found = compared(tuple(sent), said)
        if refused and found.unconfirmed:
            raise PacsError("pacs_failed", status=_NONE_STORED)
        return found

    def _page(self, query: Query, offset: int) -> list[Any]:
        asked = query.parameters() | {"limit": str(_PAGE), "offset": str(offset)}
        headers = {"Accept": "application/dicom+json"}
        with self._asked("GET", "studies", headers=headers, params=asked) as answer:
            body = self._whole(answer)
        # 204: nothing matches (PS3.18 10.6.3); some say it by an empty body.
        found = loaded(body) if body.strip() else []
        if not isinstance(found, list):
            raise PacsError("pacs_bad_answer")
        return found

    def _objects(self, answer: httpx.Response, folder: Path) -> Iterator[Path]:
        if answer.status_code == _NOTHING:
            return
        content_type = answer.headers.get("content-type", "")
        try:
            chunks = body_chunks(answer, wait_s=self._timeout_s, most=MOST_OF_STUDY)
            if media_type_of(content_type).startswith("multipart/"):
                yield from save_parts(chunks, boundary_of(content_type), folder, MAX_FILE)
            else:
                # A study of one object comes as it is from some, whatever they call it.
                yield from save_single(chunks, folder, MAX_FILE)
        except Malformed:
            raise PacsError("pacs_bad_answer") from None

    def _whole(self, answer: httpx.Response) -> bytes:
        try:
            return b"".join(body_chunks(answer, wait_s=self._timeout_s, most=MOST_OF_SEARCH))
        except Malformed:
            raise PacsError("pacs_bad_answer") from None

    @contextmanager
    def _asked(
        self, method: str, path: str, *, may: int | None = None, **request: Any
    ) -> Iterator[httpx.Response]:
        deadline = HeaderDeadline(self._timeout_s)
        code = "pacs_unreachable"
        try:
            with self._client.stream(
                method, path, extensions={"trace": deadline}, **request
            ) as answer:
                code = "pacs_broke_off"
                if not answer.is_success and answer.status_code != may:
                    raise _refusal(answer.status_code)
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            raise PacsError("pacs_too_slow" if deadline.passed else code) from None


def pull(pacs: Dicomweb, study_uid: str, sink: ObjectSink, *, site: str, scratch: Path) -> Pulled:
    """Retrieve a study into a sink.

    PacsError where nothing of it came; OSError or StorageError where it could not be stored. What
    came before stays.
    """
    counted = _Counted(sink, study_uid)
    refused = []
    fault = None
    with ScratchFolder(scratch, "pull-") as folder:
        try:
            for path in pacs.retrieve(study_uid, folder):
                try:
                    keep_file(path, counted, source=PULL, site=site)
                except StudyRejected as error:
                    refused.append(error.code)
                path.unlink()
        except PacsError as error:
            if not counted.instances:
                raise
            fault = error
    return Pulled(counted.new, len(counted.instances), tuple(refused), fault)


class _Counted:
    """Passes objects on to a sink, and counts those of one study."""

    def __init__(self, sink: ObjectSink, study_uid: str) -> None:
        self._sink = sink
        self._study_uid = study_uid
        self.new = 0
        self.instances: set[str] = set()

    def keep(self, incoming: Incoming, *, source: str, site: str) -> KeepOutcome:
        """Keep `incoming`. StudyRejected for an object of another study: nobody asked for it, and
        the rest of its study would be missing."""
        if incoming.study_uid not in {"", self._study_uid}:
            raise StudyRejected("pull_other_study")
        outcome = self._sink.keep(incoming, source=source, site=site)
        self.new += outcome is KeepOutcome.STORED
        if incoming.study_uid == self._study_uid:
            self.instances.add(incoming.sop_uid)
        return outcome


def _refusal(status: int) -> PacsError:
    if 300 <= status < 400:
        return PacsError("pacs_redirects", status=status)
    if status == 404:
        return PacsError("pacs_study_not_found")
    if status in {401, 403}:
        return PacsError("pacs_refused", status=status)
    return PacsError("pacs_failed", status=status)


def _study_uid(study: Any) -> str:
    uid = text_of(study, _STUDY_UID)
    if not uid:
        raise PacsError("pacs_bad_answer")
    return uid


def _matches(asked: str, said: str) -> bool:
    """Return whether a value fits what was asked for, with the wildcards of PS3.4 C.2.2.2.4.

    Case does not count: to some archives it does not.
    """
    pattern = re.escape(asked.strip().casefold()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(pattern, said.strip().casefold()) is not None
