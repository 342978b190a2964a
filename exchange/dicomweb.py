"""A PACS over DICOMweb (PS3.18 10): search (QIDO), retrieve (WADO), store (STOW).

Retrieved objects are kept byte for byte as the PACS sends them; a body is never held whole.
"""

from __future__ import annotations

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
from radraft.exchange._multipart import Malformed, boundary_of, related, save_parts
from radraft.exchange.incoming_files import keep_file
from radraft.exchange.values import PULL, Incoming, KeepOutcome, ObjectSink, PacsError
from radraft.studies._header import UID
from radraft.studies._limits import MAX_FILE

MOST_STUDIES = 1000
"""Most studies of one search; a date that was forgotten must not fetch an archive."""
_PAGE = 100
_STUDY_UID = "0020000D"
_INSTANCES = "00201208"
_MOST_PER_STOW = 100


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

    def missing(self, announced: int | None) -> int:
        """Return how many instances of those that were announced did not come."""
        return max(0, (announced or 0) - self.instances)


@dataclass(frozen=True)
class Pushed:
    """What a PACS said of objects that were stored in it."""

    stored: int
    failed: tuple[int, ...]
    """Failure Reason (0008,1197) of each that was not."""


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
        )

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
        found: dict[str, FoundStudy] = {}
        while True:
            page = self._page(query, len(found))
            before = len(found)
            found.update({study.study_uid: study for study in page})
            if len(found) > MOST_STUDIES:
                raise PacsError("pacs_too_much", most=MOST_STUDIES)
            # A PACS without paging gives the same studies again.
            if len(page) < _PAGE or len(found) == before:
                return tuple(found.values())

    def retrieve(self, study_uid: str, folder: Path) -> Iterator[Path]:
        """Yield every object of a study as a new file in `folder`, each given once it is whole.

        PacsError `pacs_study_not_found`, `pull_bad_uid`.
        """
        if len(study_uid) > 64 or not UID.fullmatch(study_uid):
            raise PacsError("pull_bad_uid")
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        with self._asked("GET", f"studies/{study_uid}", headers={"Accept": accept}) as answer:
            try:
                boundary = boundary_of(answer.headers.get("content-type", ""))
                yield from save_parts(answer.iter_bytes(), boundary, folder, MAX_FILE)
            except Malformed:
                raise PacsError("pacs_bad_answer") from None

    def store(self, files: Sequence[Path]) -> Pushed:
        """Store DICOM files in the PACS."""
        stored, failed = 0, []
        for start in range(0, len(files), _MOST_PER_STOW):
            kind, body = related(files[start : start + _MOST_PER_STOW])
            headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
            # 409 answers a request of which every object failed, with the reasons.
            with self._asked("POST", "studies", headers=headers, content=body, may=409) as answer:
                said = _json(answer)
            stored += len(_items(said, "00081199"))
            failed += [_number(item, "00081197") for item in _items(said, "00081198")]
        return Pushed(stored, tuple(failed))

    def _page(self, query: Query, offset: int) -> list[FoundStudy]:
        asked = query.parameters() | {"limit": str(_PAGE), "offset": str(offset)}
        headers = {"Accept": "application/dicom+json"}
        with self._asked("GET", "studies", headers=headers, params=asked) as answer:
            # 204: nothing matches (PS3.18 10.6.3).
            found = [] if answer.status_code == 204 else _json(answer)
        if not isinstance(found, list):
            raise PacsError("pacs_bad_answer")
        return [
            FoundStudy(_text(item, _STUDY_UID), _number(item, _INSTANCES) or None) for item in found
        ]

    @contextmanager
    def _asked(
        self, method: str, path: str, *, may: int | None = None, **request: Any
    ) -> Iterator[httpx.Response]:
        try:
            with self._client.stream(method, path, **request) as answer:
                if not answer.is_success and answer.status_code != may:
                    raise _refusal(answer.status_code)
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            raise PacsError("pacs_unreachable") from None


def pull(pacs: Dicomweb, study_uid: str, sink: ObjectSink, *, site: str, scratch: Path) -> Pulled:
    """Retrieve a study into a sink.

    PacsError; OSError or StorageError where it could not be stored. What came before stays.
    """
    counted = _Counted(sink, study_uid)
    refused = []
    with ScratchFolder(scratch, "pull-") as folder:
        for path in pacs.retrieve(study_uid, folder):
            try:
                keep_file(path, counted, source=PULL, site=site)
            except StudyRejected as error:
                refused.append(error.code)
            path.unlink()
    return Pulled(counted.new, len(counted.instances), tuple(refused))


class _Counted:
    """Passes objects on to a sink, and counts those of one study."""

    def __init__(self, sink: ObjectSink, study_uid: str) -> None:
        self._sink = sink
        self._study_uid = study_uid
        self.new = 0
        self.instances: set[str] = set()

    def keep(self, incoming: Incoming, *, source: str, site: str) -> KeepOutcome:
        outcome = self._sink.keep(incoming, source=source, site=site)
        self.new += outcome is KeepOutcome.STORED
        if incoming.study_uid == self._study_uid:
            self.instances.add(incoming.sop_uid)
        return outcome


def _refusal(status: int) -> PacsError:
    if status == 404:
        return PacsError("pacs_study_not_found")
    if status in {401, 403}:
        return PacsError("pacs_refused", status=status)
    return PacsError("pacs_failed", status=status)


def _json(answer: httpx.Response) -> Any:
    try:
        answer.read()
        return answer.json()
    except (ValueError, RecursionError):
        raise PacsError("pacs_bad_answer") from None


def _items(said: Any, tag: str) -> list[Any]:
    """Return the items of a sequence in DICOM JSON (PS3.18 F)."""
    # Some servers wrap the data set in an array.
    said = said[0] if isinstance(said, list) and said else said
    element = said.get(tag) if isinstance(said, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _text(item: Any, tag: str) -> str:
    values = _items(item, tag)
    if not values or not isinstance(values[0], str):
        raise PacsError("pacs_bad_answer")
    return values[0]


def _number(item: Any, tag: str) -> int:
    values = _items(item, tag)
    number = values[0] if values else 0
    # Some servers write whole numbers as text.
    return int(number) if isinstance(number, int) or str(number).isdecimal() else 0
