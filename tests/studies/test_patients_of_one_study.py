"""Files of one Study Instance UID that name more than one patient."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from radraft.studies._files import FoundFile
from radraft.studies._group import GroupedFiles, group
from radraft.studies.read import read
from radraft.studies.values import Patient
from tests.studies import builders

CODE = "study_patients_differ"
DIFFERENT: list[tuple[dict[str, str], ...]] = [
    ({"patient_id": ""}, {"patient_id": "A"}, {"patient_id": "B"}),
    ({"patient_id": "MADE-UP-1"}, {"patient_id": "MADE-UP-2"}),
    ({"name": "Muster^Anna"}, {"name": ""}, {"name": "Beispiel^Bruno"}),
    (
        {"name": "王^伟", "birth_date": "19800101"},
        {},
        {"name": "WANG^WEI", "birth_date": "19551231"},
    ),
    ({"birth_date": "19800203"}, {"patient_id": "A"}, {"birth_date": "19551231"}),
    # One number for two people.
    (
        {"patient_id": "A", "name": "Muster^Anna", "birth_date": "19800203"},
        {"patient_id": "A"},
        {"patient_id": "A", "name": "Beispiel^Bruno", "birth_date": "19551231"},
    ),
]
"""Identities of files that cannot all be one patient's; what is left out is missing."""
SAME: list[tuple[dict[str, str], ...]] = [
    ({"patient_id": "A"}, {"patient_id": ""}, {"name": "Muster^Anna"}),
    ({"patient_id": " a-7 "}, {"patient_id": "A-7"}, {"patient_id": "A-7 "}),
    ({"patient_id": "00123"}, {"patient_id": "123"}),
    ({"patient_id": "UNKNOWN"}, {"patient_id": "A"}),
    ({"name": "王^伟"}, {"name": "WANG^WEI"}, {"name": "Wei Wang"}),
    ({"name": "Anonymous"}, {"name": "Muster^Anna"}),
    # A number that is the same outweighs a name that was changed.
    (
        {"patient_id": "A", "name": "Muster^Anna", "birth_date": "19800203"},
        {"patient_id": "A", "name": "Beispiel^Anna", "birth_date": "19800203"},
    ),
]
"""Identities of files that may be one patient's."""


def header(
    number: int, said: dict[str, str], study: str = "1.2.3"
) -> tuple[FoundFile, dict[str, Any]]:
    """What a worker reads from file `number`, which names `said`."""
    texts = ("name", "birth_date", "sex", "age", "accession", "modality", "body_part", "date")
    more = ("description", "time", "history", "view_position", "transfer_syntax", "patient_id")
    known: dict[str, Any] = dict.fromkeys((*texts, *more), "")
    known |= {
        "study_uid": study,
        "series_uid": "1.2.3.4",
        "sop_instance_uid": f"1.2.3.4.{number}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1",
        "series_number": 1,
        "instance_number": number,
        "frames": 1,
        "rows": 8,
        "columns": 8,
        "technique": {},
        "issues": [],
        "other_names": [],
        "priority": "unknown",
    }
    path = Path(f"{number}.dcm")
    return FoundFile(path, path.name), known | said


def grouped(identities: tuple[dict[str, str], ...]) -> GroupedFiles:
    return group([header(number, said) for number, said in enumerate(identities)])


@pytest.mark.parametrize("identities", DIFFERENT)
def test_two_patients_in_one_study_are_refused_as_a_whole_in_any_order(
    identities: tuple[dict[str, str], ...],
) -> None:
    for order in permutations(identities):
        found = grouped(order)
        assert found.studies == ()
        assert [refusal.code for refusal in found.refusals] == [CODE] * len(order)
        (mixed,) = found.mixed
        assert len(mixed.instances) == len(order)
        assert mixed.patient == Patient("", "", None, "")


@pytest.mark.parametrize("identities", SAME)
def test_one_patient_written_in_several_ways_stays_one_study(
    identities: tuple[dict[str, str], ...],
) -> None:
    for order in permutations(identities):
        found = grouped(order)
        assert (found.refusals, found.mixed) == ([], ())
        assert len(found.studies[0].instances) == len(order)


IDENTITY = st.fixed_dictionaries(
    {
        "patient_id": st.sampled_from(["", "A", "a ", "B", "0012", "12", "UNKNOWN"]),
        "name": st.sampled_from(["", "Muster^Anna", "MUSTER^ANNA", "Beispiel^Bruno", "王^伟"]),
        "birth_date": st.sampled_from(["", "19800203", "19551231"]),
    }
)


@settings(deadline=None, max_examples=60)
@given(st.lists(IDENTITY, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_files_decides_nothing(identities: list[dict[str, str]], order: Any) -> None:
    turned = list(identities)
    order.shuffle(turned)
    one, other = grouped(tuple(identities)), grouped(tuple(turned))
    assert len(one.studies) == len(other.studies) and len(one.mixed) == len(other.mixed)


@settings(deadline=None, max_examples=60)
@given(st.lists(IDENTITY, min_size=1, max_size=4), st.integers(0, 4))
def test_a_file_without_identity_hides_no_conflict(
    identities: list[dict[str, str]], place: int
) -> None:
    nobody = list(identities)
    nobody.insert(place, {})
    assert len(grouped(tuple(nobody)).mixed) == len(grouped(tuple(identities)).mixed)


@pytest.mark.slow
def test_more_spellings_than_one_patient_has_are_a_conflict_and_cost_no_time() -> None:
    names = [{"name": f"Muster{'a' * number}^Anna"} for number in range(2, 2000)]
    assert len(grouped(tuple(names)).mixed) == 1


def test_another_study_beside_it_is_taken_in(tmp_path: Path) -> None:
    for number, patient in enumerate(("", "MADE-UP-A", "MADE-UP-B"), start=1):
        builders.write(
            builders.radiograph(number=number, PatientID=patient), tmp_path / f"{number}.dcm"
        )
    other = builders.radiograph(number=9, StudyInstanceUID="1.2.826.0.1.3680043.10.2.9")
    builders.write(other, tmp_path / "9.dcm")
    result = read(tmp_path, tmp_path / "work")
    assert [study.study_uid for study in result.studies] == ["1.2.826.0.1.3680043.10.2.9"]
    assert {
        Path(rejection.file).name: rejection.code for rejection in result.rejections
    } == dict.fromkeys(("1.dcm", "2.dcm", "3.dcm"), CODE)
    assert len(result.mixed) == 1


def test_a_selection_of_another_patient_is_a_conflict_too(tmp_path: Path) -> None:
    image = builders.radiograph(PatientID="MADE-UP-A")
    builders.write(image, tmp_path / "1.dcm")
    other = {"StudyInstanceUID": image.StudyInstanceUID, "PatientID": "MADE-UP-B"}
    builders.selection(tmp_path / "kos.dcm", image.SOPInstanceUID, **other)
    result = read(tmp_path, tmp_path / "work")
    assert result.studies == ()
    assert {rejection.code for rejection in result.rejections} == {CODE}
    assert len(result.rejections) == 2
