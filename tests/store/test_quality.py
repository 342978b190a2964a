"""Verdicts in the store, and which device and operator a study came from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radraft.core.errors import NotFound
from radraft.store import quality
from radraft.store.database import Store
from radraft.studies.quality.values import Verdict
from radraft.studies.values import Patient, Technique
from tests.builders import add_case, make_deid
from tests.studies.quality.made import MONDAY, NEW, OLD, OPERATOR, WEEK, add, reason, study, verdict

DARK = reason("quality_too_dark", 0.7)
COUNTED = reason("quality_spacing_missing")


def test_a_verdict_comes_back_as_it_was(store: Store) -> None:
    given = replace(verdict(DARK, COUNTED), heads="a" * 64)
    case_id = make_deid(1).case_id
    with store.begin() as session:
        add_case(session)
        quality.save(session, case_id, given)
    with store.read() as session:
        assert quality.of_case(session, case_id) == given


def test_a_case_that_was_not_judged(store: Store) -> None:
    with store.begin() as session:
        add_case(session)
        with pytest.raises(NotFound) as error:
            quality.of_case(session, make_deid(1).case_id)
    assert error.value.code == "quality_not_judged"


def test_a_second_verdict_takes_the_firsts_place(store: Store) -> None:
    with store.begin() as session:
        case_id = add(session, 1, DARK)
        quality.save(session, case_id, verdict(), study(1, NEW))
    with store.read() as session:
        assert quality.of_case(session, case_id).verdict is Verdict.GOOD
        (known,) = quality.judged(session)
    assert known.device == "Acme DR 7 (DR2)"


def test_what_a_site_sent_and_what_was_refused(store: Store) -> None:
    with store.begin() as session:
        add(session, 1, DARK, at=MONDAY + WEEK)
        add(session, 2, site="south", at=MONDAY, technique=NEW)
        quality.refuse(session, site="north", code="pixels_damaged", now=MONDAY)
        quality.refuse(
            session, site="north", code="quality_x", study=study(3), now=MONDAY + 2 * WEEK
        )
    with store.read() as session:
        found = quality.judged(session, "north")
        everything = quality.judged(session)
    assert [one.verdict for one in found] == [Verdict.REFUSE, Verdict.POOR, Verdict.REFUSE]
    assert [one.device for one in found] == ["", "Planmed X-100 (XR1)", "Planmed X-100 (XR1)"]
    assert [one.operator for one in found] == ["", OPERATOR, OPERATOR]
    assert found[1].reasons == (DARK,)
    assert found[1].at == MONDAY + WEEK
    assert len(everything) == 4


def test_device_and_operator_name_no_patient(store: Store) -> None:
    known = study(1, replace(NEW, model="DR 7 MADEUP^ANNA", station="Anna Madeup 13800138000"))
    known = replace(
        known,
        instances=tuple(
            replace(instance, technique=replace(instance.technique, operator="Madeup^Anna"))
            for instance in known.instances
        ),
        patient=Patient("MADE-UP-77", "Madeup^Anna", None, "F"),
    )
    with store.begin() as session:
        add_case(session)
        quality.save(session, make_deid().case_id, verdict(), known)
        quality.refuse(session, site="north", code="pixels_damaged", study=known)
    with store.read() as session:
        found = quality.judged(session)
    assert len(found) == 2
    for one in found:
        assert one.device.startswith("Acme DR 7 ")
        for planted in ("madeup", "anna", "1380013"):
            assert planted not in f"{one.device} {one.operator}".lower()


@pytest.mark.parametrize(
    "device",
    [
        NEW,
        OLD,
        Technique(manufacturer="SHENZHEN ANKE HIGH-TECH CO., LTD", station="AWP45557"),
        Technique(manufacturer="上海联影医疗科技股份有限公司", model="uMR 770", station="急诊CT"),
        Technique(manufacturer="万东", model="新东方1000", station="MRC35123"),
        Technique(manufacturer="Philips Medical Systems", model="DigitalDiagnost"),
    ],
)
def test_makers_models_and_stations_stay_as_they_are(store: Store, device: Technique) -> None:
    with store.begin() as session:
        add_case(session)
        quality.save(session, make_deid().case_id, verdict(), study(1, device))
    with store.read() as session:
        (one,) = quality.judged(session)
    assert one.device == quality.device_name(device)
    assert one.operator == device.operator


def test_a_case_from_before_devices_were_kept(store: Store) -> None:
    with store.begin() as session:
        add_case(session)
        quality.save(session, make_deid(1).case_id, verdict())
    with store.read() as session:
        (known,) = quality.judged(session)
    assert (known.device, known.operator) == ("", "")


def test_the_first_image_that_names_a_device_speaks_for_the_study() -> None:
    made = study(1, OLD)
    bare = replace(made.instances[0], technique=Technique(modality="CR"))
    assert quality.technique(replace(made, instances=(bare, *made.instances))) == OLD
    assert quality.technique(replace(made, instances=(bare,))) == bare.technique


@pytest.mark.parametrize(
    ("technique", "name"),
    [
        (OLD, "Planmed X-100 (XR1)"),
        (Technique(station="XR1"), "(XR1)"),
        (Technique(model="X-100"), "X-100"),
        (Technique(), ""),
    ],
)
def test_names_of_devices(technique: Technique, name: str) -> None:
    assert quality.device_name(technique) == name
