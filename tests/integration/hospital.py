"""The systems of a hospital that a department's reports go to: a PACS, a RIS that orders, a HIS."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import yaml

from tests import his, orthanc, ris
from tests.hl7_messages import order_message
from tests.integration.department import PATIENCE_S
from tests.integration.films import Film
from tests.receiver import Receiver

DOCUMENTS = ("SR", "KO", "DOC")
"""Modalities of what a PACS is sent of a report."""
_INSTANCE_NUMBER, _SERIES_UID, _SOP_INSTANCE_UID = "00200013", "0020000E", "00080018"


@dataclass(frozen=True)
class Version:
    """A version of a report as each system has it."""

    structured: Any
    """The structured report that the PACS returned."""
    result: ris.Result
    report: dict[str, Any]
    """The HIS's DiagnosticReport."""


@dataclass(frozen=True)
class Hospital:
    """Who is told of a report."""

    pacs: orthanc.Orthanc
    ris: Receiver
    his: Receiver
    targets: Path
    """The file that names them."""

    def orders(self, port: int, film: Film, reason: str) -> str:
        """Have the RIS order the examination of a film; how it was acknowledged."""
        asked = film.dataset
        family, given = str(asked.PatientName.alphabetic).split("^")
        message = order_message(
            accession=str(asked.AccessionNumber),
            patient=str(asked.PatientID),
            name=f"{family}^{given}~{asked.PatientName.ideographic}",
            born=str(asked.PatientBirthDate),
            sex=str(asked.PatientSex),
            modality=str(asked.Modality),
            reason=reason,
        )
        return ris.order(port, message)

    def told(self, film: Film) -> dict[str, list[str]]:
        """Which versions of a film's report each system has, as it names them."""
        study = str(film.dataset.StudyInstanceUID)
        at_pacs = {
            modality: sorted(str(_version(document)) for document in self._of(film, modality))
            for modality in DOCUMENTS
        }
        of_study = [r for r in ris.results(self.ris) if study in r.observed("110180")]
        reports = his.history(self.his, "DiagnosticReport")
        return {
            **at_pacs,
            "RIS": [result.status for result in of_study],
            "HIS": [report["status"] for report in reports],
        }

    def expects(self, film: Film, **told: list[str]) -> None:
        """Wait until these systems have exactly these versions of a film's report."""
        pause, until = threading.Event(), time.monotonic() + PATIENCE_S
        while (found := self._told(film, told)) != told and time.monotonic() < until:
            pause.wait(0.2)
        assert found == told

    def newest(self, film: Film) -> Version:
        """The last version that each system was sent."""
        last = max(self._of(film, "SR"), key=_version)
        uids = (last[name]["Value"][0] for name in (_SERIES_UID, _SOP_INSTANCE_UID))
        file = self.pacs.returned(str(film.dataset.StudyInstanceUID), *uids)
        return Version(
            structured=pydicom.dcmread(io.BytesIO(file)),
            result=ris.results(self.ris)[-1],
            report=his.history(self.his, "DiagnosticReport")[-1],
        )

    def _told(self, film: Film, systems: Iterable[str]) -> dict[str, list[str]]:
        told = self.told(film)
        return {name: told[name] for name in systems}

    def _of(self, film: Film, modality: str) -> list[dict[str, Any]]:
        return self.pacs.found(str(film.dataset.StudyInstanceUID), modality)


def _version(document: dict[str, Any]) -> int:
    """The version of a report that a document found by QIDO is of."""
    return int(document[_INSTANCE_NUMBER]["Value"][0])


@contextmanager
def receiving(folder: Path, pacs_kind: str) -> Iterator[Hospital]:
    """The systems, listening; `pacs_kind`: how the PACS is spoken to, `dicom` or `stow`."""
    orthanc.needs("Orthanc", "ip")
    taking = ris.receiver(folder / "ris.db", charset="gb18030")
    serving = his.receiver(folder / "his.db")
    taking.start()
    serving.start()
    try:
        with orthanc.beside(folder / "orthanc") as pacs:
            targets = folder / "targets.yaml"
            targets.write_text(_targets(pacs_kind, pacs, taking, serving), encoding="utf-8")
            taking.wait()
            serving.wait()
            yield Hospital(pacs, taking, serving, targets)
    finally:
        taking.kill()
        serving.kill()


def _targets(kind: str, pacs: orthanc.Orthanc, taking: Receiver, serving: Receiver) -> str:
    spoken_to = {
        "dicom": {"address": f"127.0.0.1:{pacs.dicom_port}", "called_aet": pacs.aet},
        "stow": {"address": pacs.dicomweb},
    }
    forms = ["sr", "kos", "pdf"]
    targets: list[dict[str, Any]] = [
        {"name": "pacs", "kind": kind, **spoken_to[kind], "forms": forms},
        {"name": "ris", "kind": "hl7", "address": f"127.0.0.1:{taking.port}", "charset": "gb18030"},
        {"name": "his", "kind": "fhir", "address": his.url(serving)},
    ]
    return yaml.safe_dump({"targets": [{"sites": ["local"]} | target for target in targets]})
