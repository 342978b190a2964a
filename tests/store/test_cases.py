from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from sqlalchemy import update

from radraft.core.errors import NotFound, StorageDamaged
from radraft.core.settings import Settings
from radraft.reports.turnround import Standing, TurnroundClock, TurnroundLimits
from radraft.reports.values import Coverage, ReportState
from radraft.store import cases, images, leases, report_steps, reports
from radraft.store.cases import CaseState
from radraft.store.database import Store, open_store
from radraft.store.leases import Owner
from radraft.store.signatures import sign
from radraft.store.tables import CaseRow
from radraft.studies.values import KeyImages, Study, StudyPriority
from tests import children
from tests.builders import (
    ACCESSION,
    HISTORY,
    add_case,
    add_drafted,
    make_deid,
    make_draft,
    make_images,
    make_report,
    make_study,
    person,
    save_draft,
)


def add(store: Store, study: Study, number: int = 1) -> bool:
    with store.begin() as session:
        return cases.add_study(
            session,
            site="site-a",
            study=study,
            deid=make_deid(number),
            issues=("few_pixels",),
            original_keys=("originals/a.dcm",),
        )


def test_a_study_comes_back_on_both_sides_of_the_wall(store: Store) -> None:
    study, deid = make_study(), make_deid()
    before = datetime.now(UTC)
    assert add(store, study)
    with store.read() as session:
        case = cases.get_case(session, deid.case_id)
        who = cases.identity(session, deid.case_id)
        assert cases.deid_study(session, deid.case_id) == replace(deid, instances=())
        assert cases.find_case(session, study.study_uid) == deid.case_id
        assert cases.find_case(session, "1.2.3") is None
    assert (case.site, case.state, case.issues) == ("site-a", CaseState.RECEIVED, ("few_pixels",))
    assert before <= case.received_at <= datetime.now(UTC)
    assert case.received_at.tzinfo is UTC
    assert who.patient == study.patient
    assert (who.accession, who.history, who.age_years) == (ACCESSION, HISTORY, 56)
    assert who.study_time == study.study_time


def test_identity_is_not_in_a_repr(store: Store) -> None:
    add(store, make_study())
    with store.read() as session:
        who = cases.identity(session, make_deid().case_id)
        rows = cases.worklist(session).rows
    assert "lanted" not in f"{who!r}{rows!r}{make_study()!r}".replace("CHEST PA", "")


def test_a_study_taken_in_twice_changes_nothing(store: Store) -> None:
    assert add(store, make_study())
    changed = make_study(description="other", body_part="HAND")
    assert not add(store, changed)
    with store.read() as session:
        assert cases.identity(session, make_deid().case_id).description == "CHEST PA of Planted"
        assert cases.get_case(session, make_deid().case_id).body_part == "CHEST"


def test_two_studies_of_one_patient_keep_the_name_each_was_sent_with(store: Store) -> None:
    first, second = make_study(1), make_study(2)
    second = replace(second, patient=replace(second.patient, name="Married^Name"))
    assert add(store, first)
    assert add(store, second, 2)
    with store.read() as session:
        assert cases.identity(session, make_deid(1).case_id).patient == first.patient
        assert cases.identity(session, make_deid(2).case_id).patient == second.patient


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=8))])
def test_the_study_time_stays_as_the_modality_wrote_it(store: Store, zone: timezone | None) -> None:
    time = datetime(2026, 3, 4, 23, 59, 59, 123456, tzinfo=zone)
    add(store, make_study(study_time=time))
    with store.read() as session:
        kept = cases.identity(session, make_deid().case_id).study_time
    assert kept is not None
    assert (kept, kept.utcoffset()) == (time, time.utcoffset())


def test_text_of_a_damaged_file_can_be_kept(store: Store) -> None:
    study = make_study(description="a\0b\udce9c", history="", study_time=None, age_years=None)
    add(store, study)
    with store.read() as session:
        assert cases.identity(session, make_deid().case_id).description == "ab?c"


def test_unknown_cases(store: Store) -> None:
    with store.read() as session:
        for function in (cases.get_case, cases.identity, cases.deid_study):
            with pytest.raises(NotFound) as error:
                function(session, "c-none")
            assert error.value.code == "case_not_found"
        assert cases.key_images(session, "c-none") == ()


@pytest.mark.slow
def test_processes_that_take_in_the_same_studies_at_once(store_settings: Settings) -> None:
    numbers = list(range(20))
    added = children.together(children.ingest, store_settings, numbers, processes=3)
    assert sum(added) == len(numbers)
    store = open_store(store_settings)
    with store.read() as session:
        assert len(cases.worklist(session).rows) == len(numbers)
    store.close()


def test_key_images_come_back_bit_for_bit(store: Store) -> None:
    given = make_images(make_deid().case_id, count=3)
    images.save(store.objects, given)
    with store.begin() as session:
        add_case(session)
        cases.add_key_images(session, make_images(given.case_id, count=5, seed=1))
        cases.add_key_images(session, given)
    with store.read() as session:
        stored = cases.key_images(session, given.case_id)
        loaded = images.load(session, store.objects, given.case_id)
    assert [(item.position, item.rows, item.columns) for item in stored] == [
        (0, 4, 6),
        (1, 4, 6),
        (2, 4, 6),
    ]
    assert loaded == given
    for before, after in zip(given.images, loaded.images, strict=True):
        np.testing.assert_array_equal(before.pixels, after.pixels)
        np.testing.assert_array_equal(before.values, after.values)
        assert after.values.dtype == np.int16
    assert images.png(store.objects, given.images[0].image_id).startswith(b"\x89PNG")


def test_a_damaged_image_is_told_of_and_never_given(store: Store) -> None:
    first, other = make_images(make_deid().case_id, count=2).images
    images.save(store.objects, KeyImages(make_deid().case_id, (first, other)))
    folder = f"images/{first.image_id[:2]}/{first.image_id}"
    strange = store.objects.get(f"images/{other.image_id[:2]}/{other.image_id}.png")
    with store.begin() as session:
        add_case(session)
        cases.add_key_images(session, KeyImages(make_deid().case_id, (first,)))
    good = {kind: store.objects.get(f"{folder}.{kind}") for kind in ("png", "i16")}
    for kind, data in (
        ("png", strange),
        ("png", good["png"][:45]),
        ("png", b"no picture"),
        ("i16", good["i16"][:-3]),
        ("i16", zlib.compress(b"too short")),
    ):
        store.objects.put(f"{folder}.{kind}", data)
        with store.read() as session, pytest.raises(StorageDamaged) as error:
            images.load(session, store.objects, make_deid().case_id)
        assert error.value.code == "image_damaged"
        store.objects.put(f"{folder}.{kind}", good[kind])
    store.objects.put(f"{folder}.png", strange)
    with pytest.raises(StorageDamaged):
        images.png(store.objects, first.image_id)
    store.objects.put(f"{folder}.i16", b"no values")
    with pytest.raises(StorageDamaged):
        images.values(store.objects, first.image_id)


@pytest.mark.parametrize("image_id", ["", "../../site.secret", "a" * 64, "A" * 64])
def test_unknown_images(sqlite_store: Store, image_id: str) -> None:
    for function in (images.png, images.values):
        with pytest.raises(NotFound) as error:
            function(sqlite_store.objects, image_id)
        assert error.value.code == "image_not_found"


def test_cases_are_claimed_once_oldest_first(store: Store) -> None:
    one, other = Owner(), Owner()
    with store.begin() as session:
        ids = [add_case(session, number) for number in range(3)]
    with store.begin() as session:
        assert leases.claim(session, one, limit=2) == tuple(ids[:2])
    with store.begin() as session:
        assert leases.claim(session, other, limit=5) == (ids[2],)
        assert leases.claim(session, one, limit=5) == ()
        assert cases.get_case(session, ids[0]).state is CaseState.DRAFTING
        assert [leases.give_back(session, case_id, one) for case_id in ids] == [True, True, False]
        assert not leases.give_back(session, ids[0], one)
    with store.begin() as session:
        assert leases.claim(session, other, limit=9) == tuple(ids[:2])


@pytest.mark.slow
def test_processes_never_claim_the_same_case(store_settings: Settings, store: Store) -> None:
    with store.begin() as session:
        ids = {add_case(session, number) for number in range(30)}
    lists = children.together(children.claim_all, store_settings, processes=3)
    claimed = [case_id for claims in lists for case_id in claims]
    assert len(claimed) == len(set(claimed))
    assert set(claimed) == ids


@pytest.mark.parametrize(
    ("coverage", "state"),
    [
        (Coverage.DRAFTED, CaseState.DRAFTED),
        (Coverage.NOT_COVERED, CaseState.NOT_COVERED),
        (Coverage.FAILED, CaseState.FAILED),
    ],
)
def test_a_draft_settles_its_case_and_requeue_opens_it(
    store: Store, coverage: Coverage, state: CaseState
) -> None:
    with store.begin() as session:
        case_id = add_drafted(session, coverage=coverage)
        assert cases.get_case(session, case_id).state is state
        cases.requeue(session, case_id)
        assert cases.get_case(session, case_id).state is CaseState.RECEIVED
        leases.claim(session, Owner(), limit=1)
        cases.requeue(session, case_id)
        assert cases.get_case(session, case_id).state is CaseState.DRAFTING
        with pytest.raises(NotFound):
            cases.requeue(session, "c-none")


def test_the_worklist_shows_unsigned_work_first_and_what_waited_longest(store: Store) -> None:
    with store.begin() as session:
        received = add_case(session, 1)
        drafted = add_drafted(session, 2)
        signed = add_drafted(session, 3)
        sign(session, signed, base_revision=1, signer=person("王医生"), now=datetime.now(UTC))
        reports.save(
            session, drafted, make_report(drafted, 1), base_revision=1, editor=person("李医生")
        )
    with store.read() as session:
        rows = cases.worklist(session).rows
        first = cases.worklist(session, limit=1)
    assert [row.case_id for row in rows] == [received, drafted, signed]
    assert (first.rows, first.total, first.cut) == (rows[:1], 3, True)
    assert [row.report_state for row in rows] == [None, ReportState.WRITING, ReportState.SIGNED]
    assert rows[1].author == "李医生"
    assert rows[0].patient_name == make_study().patient.name
    assert rows[0].study_time == make_study().study_time


def test_critical_drafts_stand_first_and_the_order_stays(store: Store) -> None:
    with store.begin() as session:
        ids = [add_drafted(session, number) for number in range(5)]
        sign(session, ids[4], base_revision=1, signer=person("王医生"), now=datetime.now(UTC))
    critical = {ids[0]: ("pneumothorax",), ids[2]: ("aortic_dissection",)}
    with store.read() as session:
        rows = cases.worklist(session, critical=critical).rows
        again = cases.worklist(session, critical=critical).rows
    assert [row.case_id for row in rows] == [ids[0], ids[2], ids[1], ids[3], ids[4]]
    assert again == rows
    assert [row.critical for row in rows[:3]] == [("pneumothorax",), ("aortic_dissection",), ()]


def test_studies_of_the_same_instant_keep_their_places(store: Store) -> None:
    with store.begin() as session:
        ids = [add_case(session, number) for number in range(6)]
        instant = datetime(2026, 1, 1, tzinfo=UTC)
        session.execute(update(CaseRow).values(received_at=instant))
    with store.read() as session:
        rows = cases.worklist(session).rows
    assert [row.case_id for row in rows] == sorted(ids)


LIMITS = TurnroundLimits(
    near_share=0.5,
    emergency={"other": 60},
    default={"CT": 60, "other": 120},
)


def test_times_are_counted_to_the_first_signature_and_over_all_studies(store: Store) -> None:
    with store.begin() as session:
        fresh = add_case(session, 1, modality="DX")
        near = add_case(session, 2, modality="DX")
        over = add_case(session, 3, modality="CT")
        signed = add_drafted(session, 4)
        amended = add_drafted(session, 5)
        for case_id in (signed, amended):
            sign(session, case_id, base_revision=1, signer=person("王"), now=datetime.now(UTC))
        report_steps.amend(
            session, amended, editor=person("王"), reason="更正", now=datetime.now(UTC)
        )
        now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        for case_id, minutes in (
            (fresh, 59),
            (near, 60),
            (over, 60),
            (signed, 600),
            (amended, 600),
        ):
            came = now - timedelta(minutes=minutes)
            row = update(CaseRow).where(CaseRow.case_id == case_id)
            session.execute(row.values(received_at=came))
    with store.read() as session:
        shown = cases.worklist(session, clock=TurnroundClock(LIMITS, now))
        cut = cases.worklist(session, clock=TurnroundClock(LIMITS, now), limit=1)
    standing = {row.case_id: (row.standing, row.limit_minutes) for row in shown.rows}
    assert standing == {
        fresh: (Standing.WITHIN, 120),
        near: (Standing.NEAR, 120),
        over: (Standing.OVER, 60),
        signed: (None, None),
        amended: (None, None),
    }
    assert {row.priority for row in shown.rows} == {StudyPriority.UNKNOWN}
    assert (shown.near, shown.over) == (cut.near, cut.over) == (1, 1)


def test_one_case_can_be_claimed_by_name(store: Store) -> None:
    owner = Owner()
    with store.begin() as session:
        case_id = add_case(session)
        assert leases.claim_case(session, case_id, owner)
        assert not leases.claim_case(session, case_id, owner)
        leases.give_back(session, case_id, owner)
        leases.give_back(session, case_id, owner)
        assert leases.claim_case(session, case_id, owner)
        save_draft(session, make_draft(case_id), owner)
        leases.give_back(session, case_id, owner)
        assert cases.counts(session)[CaseState.DRAFTED] == 1
        assert cases.counts(session)[CaseState.RECEIVED] == 0
