"""A CT and an MR study of several series, their pixels as real scanners made them.

pydicom brings both with it among its test files, each picture reduced to 16 x 16. Only the
patient's number is changed, so that a test can say which patients train.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file

FOLDER = Path(str(get_testdata_file("CT_small.dcm"))).parent / "dicomdirtests"
STUDIES = {
    # Two scouts and a gated series of the heart; a localizer, a pilot and an angiography.
    "CT": ("98892001", ("CT2N", "CT5N"), "1.3.6.1.4.1.5962.1.1.0.0.0.1194734704.16302.0.1"),
    "MR": ("98892003", ("MR1", "MR2", "MR700"), "1.3.6.1.4.1.5962.1.1.0.0.0.1196533885.18148.0.1"),
}


def write(folder: Path, modality: str, wanted: Callable[[str, str], bool]) -> int:
    """Write the study's files into `folder`, of the first patient's number for which
    `wanted(number, study UID)` holds; return how many series they are of."""
    patient, folders, study_uid = STUDIES[modality]
    folder.mkdir(parents=True)
    number = next(f"REAL-{n}" for n in range(1000) if wanted(f"REAL-{n}", study_uid))
    series = set()
    for name in folders:
        for path in sorted((FOLDER / patient / name).iterdir()):
            dataset = pydicom.dcmread(path)
            if dataset.StudyInstanceUID != study_uid:
                continue
            dataset.PatientID = number
            dataset.save_as(folder / f"{name}-{path.name}.dcm")
            series.add(dataset.SeriesInstanceUID)
    return len(series)
