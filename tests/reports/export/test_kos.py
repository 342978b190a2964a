"""A report's key images as a Key Object Selection."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from radraft.core.errors import ReportError
from radraft.reports.export import kos
from radraft.reports.export.values import OutgoingImage, OutgoingReport
from radraft.studies.kos import marks
from tests import dciodvfy
from tests.outgoing_reports import all_shapes, images, outgoing, signed
from tests.scale import scaled

SHAPES = [report for report in all_shapes() if report.key_images][:: scaled(15, full=1)]


def read(report: OutgoingReport) -> Dataset:
    return pydicom.dcmread(io.BytesIO(kos.document(report)))


@pytest.mark.scaled
def test_dciodvfy_finds_nothing_but_what_is_explained(tmp_path: Path) -> None:
    told = {}
    for number, report in enumerate(SHAPES):
        file = tmp_path / f"{number:03d}.dcm"
        file.write_bytes(kos.document(report))
        assert dciodvfy.kind(file) == "KeyObjectSelectionDocument"
        if found := dciodvfy.findings(file):
            told[file] = found
    assert told == {}


def test_the_key_images_are_chosen_for_the_report_by_whoever_signed() -> None:
    made = read(outgoing(key_images=images(1, 3)))
    assert marks(made) == [f"1.2.826.0.1.3680043.10.2.1.{number}" for number in (1, 2, 3)]
    assert made.ConceptNameCodeSequence[0].CodeValue == "113020"
    (person,) = [item for item in made.ContentSequence if item.ValueType == "PNAME"]
    assert str(person.PersonName).startswith("Jürgen Prüfer 审^")


def test_its_times_say_which_clock_they_are_of() -> None:
    made = read(outgoing(key_images=images(1, 1)))
    assert (made.ContentTime, made.TimezoneOffsetFromUTC) == ("060808", "+0000")


def test_frames_of_one_object_are_named() -> None:
    made = read(outgoing(key_images=images(1, 2, frames=True)))
    shown = [item for item in made.ContentSequence if item.ValueType == "IMAGE"]
    frames = [item.ReferencedSOPSequence[0].ReferencedFrameNumber for item in shown]
    assert frames == [1, 2]
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 1


def test_other_words_under_the_same_version_are_another_selection() -> None:
    made = [read(outgoing(signed(5, findings=n), 5)).SOPInstanceUID for n in (2, 4)]
    assert made[0] != made[1]


def test_the_same_report_gives_the_same_bytes_and_each_version_its_own() -> None:
    first = signed(5)
    second = signed(5, before=first)
    assert kos.document(outgoing(first, 5)) == kos.document(outgoing(first, 5))
    made = [read(outgoing(version, 5)) for version in (first, second)]
    assert made[0].SOPInstanceUID != made[1].SOPInstanceUID
    assert made[0].SeriesInstanceUID == made[1].SeriesInstanceUID
    assert [document.InstanceNumber for document in made] == [1, 2]
    assert made[0].InstanceCreationDate == made[0].ContentDate == "20260304"


def test_without_an_image_to_refer_to_there_is_no_selection() -> None:
    unknown = (OutgoingImage("ab" * 32, None),)
    for shown in ((), unknown):
        with pytest.raises(ReportError) as caught:
            kos.document(outgoing(key_images=shown))
        assert caught.value.code == "export_no_key_images"
    assert marks(read(outgoing(key_images=(*unknown, *images(1, 1))))) == [
        "1.2.826.0.1.3680043.10.2.1.1"
    ]
