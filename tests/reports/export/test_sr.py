"""Reports as DICOM structured reports: read back by dcmtk, checked by dciodvfy and PixelMed."""

from __future__ import annotations

import io
import subprocess
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from radraft.core.errors import ReportError
from radraft.reports.export import sr
from radraft.reports.export.values import Drafter, OutgoingReport, OutgoingStatus
from radraft.reports.people import Person, PersonKind
from radraft.reports.values import AmendmentKind, Lang, Origin
from radraft.studies.values import Patient
from tests import dciodvfy, orthanc, outgoing_reports, pixelmed
from tests.outgoing_reports import all_shapes, outgoing, signed
from tests.scale import FULL, scaled

SHAPES = all_shapes()[:: scaled(8, full=1)]
pytestmark = pytest.mark.scaled


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """One file for each of `SHAPES`."""
    folder = tmp_path_factory.mktemp("sr")
    made = []
    for number, report in enumerate(SHAPES):
        made.append(folder / f"{number:03d}.dcm")
        made[-1].write_bytes(sr.document(report))
    return tuple(made)


def read(report: OutgoingReport) -> Dataset:
    return pydicom.dcmread(io.BytesIO(sr.document(report)))


def below(items: object) -> Iterator[Dataset]:
    """Every content item below a sequence of them."""
    for item in items or ():  # type: ignore[attr-defined]
        yield item
        yield from below(item.get("ContentSequence"))


def test_dcmtk_reads_each_as_a_structured_report(files: tuple[Path, ...]) -> None:
    orthanc.needs("dsr2xml")
    for file in files:
        assert (
            b"EnhancedSRStorage"
            in subprocess.run(["dsr2xml", file], capture_output=True, check=True, timeout=60).stdout
        )


def test_dciodvfy_finds_nothing_but_what_is_explained(files: tuple[Path, ...]) -> None:
    assert {file: told for file in files if (told := dciodvfy.findings(file))} == {}
    assert dciodvfy.kind(files[0]) == "EnhancedSR"


def test_dciodvfy_finds_nothing_in_one_that_is_unsigned_or_has_a_time_zone(tmp_path: Path) -> None:
    zoned = replace(outgoing_reports.INSTITUTION, time_zone="America/Caracas")
    for name, report in (("unsigned", unsigned()), ("zoned", outgoing(institution=zoned))):
        file = tmp_path / f"{name}.dcm"
        file.write_bytes(sr.document(report))
        assert dciodvfy.findings(file) == []


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not FULL, reason="Java compiles the templates for half a minute: full scale")
def test_pixelmed_finds_only_what_tid_2000_has_no_place_for(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    claimed = [pixelmed.as_basic_report(file, tmp_path / file.name) for file in files]
    reasons = {file: dict(pixelmed.EXPLAINED) for file in claimed}
    reasons |= dict.fromkeys(files, pixelmed.EXPLAINED | pixelmed.NO_TEMPLATE)
    told = {
        file: unexplained
        for file, lines in pixelmed.said([*claimed, *files], timeout=3500)
        if (unexplained := pixelmed.unexplained(lines, reasons[file]))
    }
    assert told == {}


def test_the_same_report_gives_the_same_bytes_on_another_day() -> None:
    first, again = outgoing(), outgoing()
    assert sr.document(first) == sr.document(again)
    days = [
        str(element.value)
        for element in read(first).iterall()
        if element.VR in {"DA", "DT"} and element.value
    ]
    assert days
    assert all(day.startswith(("2026030", "19", "20211231")) for day in days)


def test_each_version_has_a_uid_of_its_own_and_names_the_one_before() -> None:
    first = signed(9)
    corrected = signed(9, before=first)
    added = signed(9, before=corrected, kind=AmendmentKind.ADDENDUM)
    made = [read(outgoing(version, 9)) for version in (first, corrected, added)]
    assert len({one.SOPInstanceUID for one in made}) == 3
    assert len({one.SeriesInstanceUID for one in made}) == 1
    assert [one.InstanceNumber for one in made] == [1, 2, 3]
    assert "PredecessorDocumentsSequence" not in made[0]
    for one, before, purpose in ((made[1], made[0], "121360"), (made[2], made[1], "121361")):
        (study,) = one.PredecessorDocumentsSequence
        (series,) = study.ReferencedSeriesSequence
        (instance,) = series.ReferencedSOPSequence
        assert study.StudyInstanceUID == before.StudyInstanceUID
        assert series.SeriesInstanceUID == before.SeriesInstanceUID
        assert instance.ReferencedSOPClassUID == before.SOPClassUID
        assert instance.ReferencedSOPInstanceUID == before.SOPInstanceUID
        assert instance.PurposeOfReferenceCodeSequence[0].CodeValue == purpose


def test_other_words_under_the_same_version_are_another_document() -> None:
    """After a restore version 1 may be signed again: a PACS must not take it for a repeat."""
    first, again = outgoing(signed(9), 9), outgoing(signed(9, findings=2), 9)
    assert first.version == again.version
    made = [read(report) for report in (first, again)]
    assert made[0].SOPInstanceUID != made[1].SOPInstanceUID
    assert made[0].SeriesInstanceUID == made[1].SeriesInstanceUID


def unsigned(number: int = 1) -> OutgoingReport:
    report = outgoing(number=number)
    return replace(
        report,
        status=OutgoingStatus.PRELIMINARY,
        reviewer=None,
        signed_at=None,
        manner=None,
        content_sha="",
    )


def test_what_is_handed_over_unsigned_says_so_everywhere() -> None:
    made = read(unsigned())
    assert (made.PreliminaryFlag, made.CompletionFlag, made.VerificationFlag) == (
        "PRELIMINARY",
        "PARTIAL",
        "UNVERIFIED",
    )
    assert "VerifyingObserverSequence" not in made
    texts = {item.TextValue for item in below(made.ContentSequence) if item.ValueType == "TEXT"}
    assert {"AI 生成", "AI-generated"} <= texts
    final = read(outgoing())
    assert made.SOPInstanceUID != final.SOPInstanceUID
    assert made.SeriesInstanceUID != final.SeriesInstanceUID


def test_handed_over_again_it_is_another_document() -> None:
    report = unsigned()
    assert report.submitted_at is not None
    again = replace(report, submitted_at=report.submitted_at + timedelta(minutes=5))
    assert read(report).SOPInstanceUID != read(again).SOPInstanceUID
    fewer = replace(report.report, findings=report.report.findings[:1])
    other = replace(report, report=fewer, findings=())
    assert read(report).SOPInstanceUID != read(other).SOPInstanceUID
    next_step = replace(report, submission=report.submission + 2)
    assert read(report).SOPInstanceUID != read(next_step).SOPInstanceUID


def test_author_signer_and_model_are_told_apart() -> None:
    made = read(outgoing())
    (author,) = made.AuthorObserverSequence
    (signer,) = made.VerifyingObserverSequence
    (model,) = made.ParticipantSequence
    assert (author.ObserverType, str(author.PersonName)) == ("PSN", "林书写^=林书写^")
    assert author.PersonIdentificationCodeSequence[0].LongCodeValue == "a-1111111111111111"
    assert str(signer.VerifyingObserverName).startswith("Jürgen Prüfer 审^")
    assert (model.ParticipationType, model.ObserverType) == ("SOURCE", "DEV")
    assert model.ManufacturerModelName == "starter@0123456789abcdef"
    (equipment,) = made.ContributingEquipmentSequence
    assert "AI 辅助，医师审核" in equipment.ContributionDescription
    alone = read(outgoing(signed(reviewed=False)))
    assert str(alone.VerifyingObserverSequence[0].VerifyingObserverName) == "林书写^=林书写^"


def test_what_no_machine_touched_has_no_mark_of_one() -> None:
    made = read(outgoing(signed(origin=Origin.PERSON)))
    assert "ContributingEquipmentSequence" not in made
    assert "ParticipantSequence" not in made
    headings = [item.ConceptNameCodeSequence[0].get("CodeValue") for item in made.ContentSequence]
    assert "ai-mark" not in headings


def test_an_absent_finding_reads_as_absent_by_itself() -> None:
    made = read(outgoing(signed(3)))
    found = {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.ConceptCodeSequence[0].CodeMeaning
        for item in below(made.ContentSequence)
        if item.ValueType == "CODE" and item.RelationshipType == "CONTAINS"
    }
    assert found["气胸"] == "无"


def test_a_coded_finding_names_the_sentence_in_both_languages() -> None:
    made = read(outgoing())
    items = list(below(made.ContentSequence))
    said: dict[str, list[str]] = {}
    for item in items:
        if "ObservationUID" in item:
            said.setdefault(item.ObservationUID, []).append(item.TextValue)
    assert all(len(texts) == 2 for texts in said.values())
    named = [item.UID for item in items if item.ValueType == "UIDREF"]
    assert named
    assert set(named) <= set(said)


def test_times_are_those_of_the_institutions_clocks() -> None:
    institution = replace(outgoing_reports.INSTITUTION, time_zone="Asia/Shanghai")
    made = read(outgoing(institution=institution))
    assert made.TimezoneOffsetFromUTC == "+0800"
    assert (made.ContentDate, made.ContentTime) == ("20260304", "140808.901000")
    (signer,) = made.VerifyingObserverSequence
    assert signer.VerificationDateTime == "20260304140808.901000+0800"
    assert made.ObservationDateTime == "20260304135908.901000+0800"


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Caracas"])
def test_no_time_depends_on_the_clock_of_the_machine(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        made = read(outgoing())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert made.TimezoneOffsetFromUTC == "+0000"
    assert (made.ContentDate, made.ContentTime) == ("20260304", "060808.901000")
    assert made.VerifyingObserverSequence[0].VerificationDateTime == "20260304060808.901000+0000"


def test_frames_and_windows_of_one_object_are_one_piece_of_evidence() -> None:
    made = read(outgoing(key_images=outgoing_reports.images(7, 3, frames=True)))
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert len(series.ReferencedSOPSequence) == 1
    images = [item for item in below(made.ContentSequence) if item.ValueType == "IMAGE"]
    frames = [item.ReferencedSOPSequence[0].ReferencedFrameNumber for item in images]
    assert frames == [1, 2, 3]


def test_a_sentence_of_one_language_stands_in_both_parts_and_says_which_it_is() -> None:
    report = outgoing()
    first = report.report.findings[0]
    english = replace(first, wordings=first.wordings[1:])
    findings = (english, *report.report.findings[1:])
    made = read(replace(report, report=replace(report.report, findings=findings)))
    sections = [
        item
        for item in made.ContentSequence
        if item.ConceptNameCodeSequence[0].get("CodeValue") == "59776-5"
    ]
    firsts = [
        next(part for part in section.ContentSequence if part.ValueType == "TEXT")
        for section in sections
    ]
    assert [item.TextValue for item in firsts] == [first.en, first.en]
    (told,) = firsts[0].ContentSequence
    assert told.ConceptCodeSequence[0].CodeValue == "en"
    assert "ContentSequence" not in firsts[1]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_one_language_is_the_documents_own(lang: Lang) -> None:
    made = read(outgoing(signed(languages=(lang,))))
    languages = [
        item.ConceptCodeSequence[0].CodeValue
        for item in below(made.ContentSequence)
        if item.ValueType == "CODE" and item.ConceptNameCodeSequence[0].get("CodeValue") == "121049"
    ]
    assert languages == [lang]


def test_a_name_that_dicom_cannot_hold_is_refused_and_not_cut() -> None:
    long = Person(PersonKind.ACCOUNT, "名" * 64, "a-3333333333333333")
    with pytest.raises(ReportError) as caught:
        sr.document(replace(outgoing(), author=long))
    assert caught.value.code == "export_name_too_long"
    parted = Person(PersonKind.ACCOUNT, "A" * 31 + " " + "B" * 32, "a-3333333333333333")
    made = read(replace(outgoing(), author=parted))
    assert str(made.AuthorObserverSequence[0].PersonName) == "A" * 31 + "^" + "B" * 32
    institution = replace(outgoing_reports.INSTITUTION, name_zh="院" * 65)
    with pytest.raises(ReportError) as caught:
        sr.document(outgoing(institution=institution))
    assert (caught.value.code, caught.value.details["most"]) == ("export_value_too_long", 64)


def test_what_the_images_carry_is_written_as_they_have_it_and_no_warning_names_it() -> None:
    patient = Patient("P" * 70, "名" * 70, None, "female")
    study = outgoing_reports.examination(
        accession="A" * 17, description="d" * 70, study_uid="1.02.3", patient=patient
    )
    made = sr.document(outgoing(examination=study))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = pydicom.dcmread(io.BytesIO(made))
        assert (back.AccessionNumber, back.StudyDescription) == ("A" * 17, "d" * 70)
        assert (back.PatientID, str(back.PatientName)) == ("P" * 70, "名" * 70)
        assert (back.StudyInstanceUID, back.PatientSex) == ("1.02.3", "female")


def test_a_long_name_of_a_model_keeps_no_report_back() -> None:
    drafter = Drafter("a-model-of-many-words/" * 6, "adapter-1", "ab" * 32)
    made = read(outgoing(drafter=drafter))
    (equipment,) = made.ContributingEquipmentSequence
    assert equipment.ManufacturerModelName == drafter.model_id[:64]
    assert drafter.model_id in equipment.ContributionDescription
    assert "adapter-1" in equipment.ContributionDescription


def test_a_moment_is_needed() -> None:
    with pytest.raises(ValueError, match="signed or handed over"):
        sr.document(replace(unsigned(), submitted_at=None))


def test_a_study_time_with_a_zone_or_without_is_written_as_it_is() -> None:
    taken = datetime(2026, 3, 4, 13, 6, 7)
    made = read(outgoing(examination=outgoing_reports.examination(study_time=taken)))
    assert (made.StudyDate, made.StudyTime) == ("20260304", "130607")
