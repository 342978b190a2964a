"""What of a signed version leaves, and as what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radraft.core.errors import ReportError
from radraft.reports.export.values import Institution, OutgoingStatus
from radraft.reports.sign import sealed
from radraft.reports.values import AmendmentKind, Certainty, Laterality, Origin
from tests.outgoing_reports import all_shapes, examination, outgoing, signed


def test_each_version_says_what_a_receiver_may_rely_on() -> None:
    first = signed()
    corrected = signed(before=first)
    appended = signed(before=corrected, kind=AmendmentKind.ADDENDUM)
    assert outgoing(first).status is OutgoingStatus.FINAL
    assert outgoing(corrected).status is OutgoingStatus.CORRECTED
    assert outgoing(appended).status is OutgoingStatus.APPENDED
    assert outgoing(appended).supersedes == corrected.content_sha


def test_text_that_nobody_stands_for_does_not_leave() -> None:
    version = signed()
    of_one = replace(version, confirmed=version.confirmed[:1])
    report = outgoing(sealed(of_one))
    assert report.languages == ("zh",)
    assert not any(sentence.en for sentence in report.report.sentences)
    with pytest.raises(ReportError) as caught:
        outgoing(sealed(replace(version, confirmed=())))
    assert caught.value.code == "export_nothing_asserted"


def test_findings_are_coded_with_their_sentence() -> None:
    report = outgoing(signed(findings=7))
    nodule = next(f for f in report.findings if f.mention.code == "pulmonary_nodule")
    sentence = next(s for s in report.report.sentences if s.id == nodule.sentence_id)
    assert "结节" in sentence.zh[nodule.mention.start : nodule.mention.end]
    assert nodule.mention.laterality is Laterality.RIGHT
    assert nodule.mention.size_mm == (12.0, 9.0)
    absent = next(f for f in report.findings if f.mention.code == "pneumothorax")
    assert absent.mention.polarity is Certainty.ABSENT


def test_who_wrote_first_is_known() -> None:
    assert outgoing(signed(origin=Origin.MODEL)).ai_assisted
    assert not outgoing(signed(origin=Origin.PERSON)).ai_assisted
    assert not outgoing(signed(origin=Origin.TEMPLATE)).ai_assisted


def test_an_institution_without_a_name_has_its_sites() -> None:
    assert Institution("north").name("zh") == "north"
    assert Institution("north", name_en="North").name("zh") == "North"
    assert Institution("north").department("en") == ""


def test_nothing_of_a_patient_is_printed_by_accident() -> None:
    told = repr(outgoing())
    patient = examination(1).patient
    assert patient.patient_id not in told
    assert patient.name not in told
    assert "1.2.826" not in told


def test_the_shapes_are_all_there() -> None:
    shapes = all_shapes()
    assert len(shapes) == 200
    assert {shape.languages for shape in shapes} == {("zh", "en"), ("zh",), ("en",)}
    assert {shape.status for shape in shapes} >= set(OutgoingStatus) - {OutgoingStatus.PRELIMINARY}
    assert max(len(shape.report.sentences) for shape in shapes) == 49
    assert any(not shape.key_images for shape in shapes)
    assert any(not shape.report.impression for shape in shapes)
