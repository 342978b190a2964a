"""Key Object Selections as documents."""

from __future__ import annotations

import io
from datetime import date, datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from radraft.studies.kos import SOP_CLASS, About, Reference, document, marks
from radraft.studies.read import read
from radraft.studies.values import Patient
from tests.studies import builders

ABOUT = About(
    "1.2.826.0.1.3680043.10.2.60",
    Patient("P0042", "Zhang^Wei=张^伟", date(1970, 3, 5), "M"),
    "ACC778899",
    datetime(2025, 1, 2, 3, 4, 5),
)
CT = "1.2.840.10008.5.1.4.1.1.2"
AT = datetime(2026, 1, 2, 3, 4, 5)


def made(*references: Reference, reader: str = "林清", about: About = ABOUT) -> Dataset:
    data = document(references, about, reader=reader, number=3, at=AT)
    return pydicom.dcmread(io.BytesIO(data))


@pytest.mark.slow
def test_what_is_written_can_be_read_as_marks(tmp_path: Path) -> None:
    builders.series(tmp_path, 2, 3)
    uid = "1.2.826.0.1.3680043.10.1."
    series = "1.2.826.0.1.3680043.10.3.2"
    chosen = [Reference(CT, uid + last, series) for last in ("2003", "2001")]
    (tmp_path / "kos.dcm").write_bytes(document(chosen, ABOUT, reader="A", number=1, at=AT))
    (study,) = read(tmp_path, tmp_path / "w").studies
    assert study.marked == (uid + "2003", uid + "2001")
    assert len(study.instances) == 3


def test_the_document_names_patient_study_reader_and_frames() -> None:
    clip = Reference("1.2.840.10008.5.1.4.1.1.3.1", "1.2.3.4", "1.2.3", (0, 41))
    found = made(clip, Reference(CT, "1.2.3.5", "1.2.33"))
    assert (found.SOPClassUID, found.Modality, found.InstanceNumber) == (SOP_CLASS, "KO", 3)
    assert (str(found.PatientName), found.PatientBirthDate) == ("Zhang^Wei=张^伟", "19700305")
    assert (found.StudyDate, found.StudyTime, found.ContentDate) == (
        "20250102",
        "030405",
        "20260102",
    )
    title = found.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodeMeaning) == ("113000", "Of Interest")
    assert found.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    people = [str(one.PersonName) for one in found.ContentSequence if one.ValueType == "PNAME"]
    assert people == ["林清^=林清^"]
    shown = [one.ReferencedSOPSequence[0] for one in found.ContentSequence[2:]]
    assert list(shown[0].ReferencedFrameNumber) == [1, 42]
    assert "ReferencedFrameNumber" not in shown[1]
    (study,) = found.CurrentRequestedProcedureEvidenceSequence
    assert {one.SeriesInstanceUID for one in study.ReferencedSeriesSequence} == {"1.2.3", "1.2.33"}
    assert marks(found) == ["1.2.3.4", "1.2.3.5"]


def test_a_study_of_which_little_is_known() -> None:
    about = About("1.2.3.9", Patient("", "", None, ""), "", None)
    found = made(Reference(CT, "1.2.3.5", "1.2.33"), reader="a^b\\c=d", about=about)
    assert str(found.PatientName) == found.PatientBirthDate == found.StudyDate == ""
    assert [str(one.PersonName) for one in found.ContentSequence[1:2]] == ["a b c d^"]
    with pytest.raises(ValueError, match="At least one"):
        document([], about, reader="A", number=1, at=AT)


def test_a_selection_without_sense_marks_nothing() -> None:
    empty = Dataset()
    assert marks(empty) == []
    item = Dataset()
    item.ValueType = "IMAGE"
    empty.ContentSequence = [item, Dataset()]
    assert marks(empty) == []
