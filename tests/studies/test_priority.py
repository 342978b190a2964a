"""How soon a study is to be read, from what its header says."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.studies.priority import most_urgent, study_priority
from radraft.studies.read import read
from radraft.studies.values import StudyPriority
from tests.studies import builders

STAT, EMERGENCY, INPATIENT, ROUTINE, UNKNOWN = StudyPriority


@pytest.mark.parametrize(
    ("requested", "places", "priority"),
    [
        ("", (), UNKNOWN),
        ("", ("", ""), UNKNOWN),
        ("STAT", ("门诊三诊室",), STAT),
        (" stat ", (), STAT),
        ("S", (), STAT),
        ("HIGH", ("住院部",), EMERGENCY),
        ("ROUTINE", ("急诊科",), EMERGENCY),
        ("", ("急診抢救室 2 床",), EMERGENCY),
        ("", ("Emergency Dept",), EMERGENCY),
        ("", ("ER 4",), EMERGENCY),
        ("ROUTINE", ("呼吸内科三病区 12 床",), INPATIENT),
        ("", ("NICU",), INPATIENT),
        ("LOW", ("Ward 7B",), INPATIENT),
        ("", ("In-Patient",), INPATIENT),
        ("ROUTINE", ("",), ROUTINE),
        ("MEDIUM", (), ROUTINE),
        ("", ("门诊放射科",), ROUTINE),
        ("", ("体检中心",), ROUTINE),
        ("", ("Outpatients",), ROUTINE),
        ("", ("门急诊楼",), UNKNOWN),
        ("", ("门急诊", "急诊内科"), EMERGENCY),
        ("soon", ("Surgery", "Toward the front"), UNKNOWN),
        ("", ("Interventional", "Edwards"), UNKNOWN),
        ("", ("x" * 300 + "急诊",), UNKNOWN),
    ],
)
def test_what_is_said_of_order_and_place(
    requested: str, places: tuple[str, ...], priority: StudyPriority
) -> None:
    assert study_priority(requested, places) is priority


def test_the_most_urgent_of_several_images_counts() -> None:
    assert most_urgent([UNKNOWN, ROUTINE, EMERGENCY, INPATIENT]) is EMERGENCY
    assert most_urgent([UNKNOWN, ROUTINE]) is ROUTINE
    assert most_urgent([]) is UNKNOWN


@pytest.mark.slow
def test_a_studys_files_say_it_and_their_words_are_kept_nowhere(tmp_path: Path) -> None:
    said: list[dict[str, str]] = [
        {},
        {"CurrentPatientLocation": "急诊 PLANTED-BED 4"},
        {"RequestedProcedurePriority": "ROUTINE"},
    ]
    for number, fields in enumerate(said):
        dataset = builders.radiograph(SpecificCharacterSet="ISO_IR 192", **fields)
        dataset.SOPInstanceUID = f"1.2.826.0.9.{number}"
        builders.write(dataset, tmp_path / "in" / f"{number}.dcm")
    (study,) = read(tmp_path / "in", tmp_path / "work").studies
    assert (study.priority, len(study.instances)) == (EMERGENCY, 3)
    assert "PLANTED-BED" not in repr(vars(study))
