"""Choosing key images over `/api`: what is offered, what is refused, what is kept."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from radraft.pipeline.service import Service
from radraft.reports.roles import Role
from radraft.store import cases, choices, drafts, images, instances, leases
from radraft.store.cases import CaseState
from radraft.store.choices import Choice, ChoiceConflict, Chosen
from radraft.store.database import Store
from radraft.store.leases import Owner
from radraft.store.objects import Objects
from radraft.studies.values import WindowName
from radraft.ui.access import application
from radraft.ui.api.key_images import add_keyimages
from radraft.ui.api.reports import add_api
from tests import builders
from tests.builders import actor, person, signed_in
from tests.ui import seed
from tests.ui.chosen import chest_ct, films, take_in
from tests.ui.conftest import asking, make_service
from tests.ui.people import become

pytestmark = pytest.mark.slow

IDENTITY = ("Zhang", "Wei", "P0042", "ACC778899", "1.2.826", "19700305")


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path, woken: list[int]) -> Iterator[Service]:
    made = make_service(sqlite_store, tmp_path / "data", wake=lambda: woken.append(1))
    yield made
    made.choosing.close()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_keyimages(app, service)
    with asking(app) as made:
        yield made


@pytest.fixture
def case_id(sqlite_store: Store, tmp_path: Path) -> str:
    """Three films; drafted, nobody touched the draft."""
    made = take_in(sqlite_store, films(tmp_path / "films"))
    with sqlite_store.begin() as session:
        builders.save_draft(session, seed.made_draft(made))
    return made


def frames(client: TestClient, case_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/cases/{case_id}/frames")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def put(client: TestClient, case_id: str, wanted: list[dict[str, Any]], **more: Any) -> Any:
    body = {"images": wanted, "base_revision": 0} | more
    return client.put(f"/api/cases/{case_id}/key-images", json=body)


def present(service: Service, case_id: str) -> list[dict[str, Any]]:
    """The case's key images as a client names them."""
    return [
        {
            "instance_ref": image.instance_ref,
            "frame": image.frame,
            "window": image.window_name.value,
        }
        for image in service.case_view(case_id).images
    ]


def selection(store: Store, case_id: str) -> bytes:
    """The Key Object Selection of the newest choice."""
    with store.read() as session:
        choice = choices.latest(session, case_id)
    assert choice is not None
    return store.objects.get(choice.document_key)


def selections(service: Service, case_id: str) -> list[Path]:
    """All Key Object Selections that are kept of a case."""
    return list((service.settings.data_dir / "objects" / "kos" / case_id).iterdir())


def state(service: Service, case_id: str) -> CaseState:
    return service.case_view(case_id).case.state


def test_all_frames_are_offered_without_identity(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 6))
    found = frames(client, case_id)
    assert (found["budget"], found["revision"]) == (4, 0)
    assert found["windows"][:2] == ["lung", "mediastinum"]
    assert {"bone", "brain", ""} <= set(found["windows"])
    shape = [(one["number"], one["role"], one["plane"], one["frames"]) for one in found["series"]]
    assert shape == [
        (1, "localizer", "coronal", 1),
        (2, "original", "axial", 6),
        (3, "original", "axial", 6),
    ]
    assert [one["kernel"] for one in found["series"]] == ["smooth", "smooth", "sharp"]
    assert len(found["images"]) == 4
    for planted in IDENTITY:
        assert planted not in json.dumps(found)


def test_thumbnails_are_made_on_demand_and_kept(
    client: TestClient, service: Service, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 6))
    ref = frames(client, case_id)["series"][1]["instances"][2]["instance_ref"]
    shown = []
    for window in ("lung", "mediastinum", ""):
        answer = client.get(f"/api/cases/{case_id}/frames/{ref}/0/png?window={window}")
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.mode == "L" and max(picture.size) <= 256
        shown.append(answer.content)
        assert sqlite_store.objects.exists(f"thumbnails/{case_id}/{ref}-0-{window or 'own'}.png")
    assert shown[0] != shown[1]
    for wrong, status in ((f"{ref}/1", 404), ("i-0000000000000000/0", 404), (f"{ref}/x", 422)):
        answer = client.get(f"/api/cases/{case_id}/frames/{wrong}/png")
        assert answer.status_code == status
    assert list((service.settings.data_dir / "scratch").glob("original-*"))
    service.choosing.close()
    assert not list((service.settings.data_dir / "scratch").glob("original-*"))


def test_a_choice_becomes_key_images_a_selection_and_a_new_draft(
    client: TestClient,
    service: Service,
    sqlite_store: Store,
    case_id: str,
    woken: list[int],
) -> None:
    before = present(service, case_id)
    kept = [image.image_id for image in service.case_view(case_id).images]
    assert len(before) == 3 and state(service, case_id) is CaseState.DRAFTED
    answer = put(client, case_id, [before[2], before[0]])
    assert answer.status_code == 200, answer.text
    assert (answer.json()["revision"], answer.json()["by"]) == (1, "林清")
    assert present(service, case_id) == [before[2], before[0]]
    assert [one.image_id for one in service.case_view(case_id).images] == [kept[2], kept[0]]
    assert state(service, case_id) is CaseState.RECEIVED and woken
    with sqlite_store.read() as session:
        assert len(images.load(session, sqlite_store.objects, case_id).images) == 2

    document = pydicom.dcmread(io.BytesIO(selection(sqlite_store, case_id)))
    assert document.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.59"
    assert document.ConceptNameCodeSequence[0].CodeValue == "113000"
    uids = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in document.ContentSequence
        if item.ValueType == "IMAGE"
    ]
    assert uids == ["1.2.826.0.1.3680043.10.1.703", "1.2.826.0.1.3680043.10.1.701"]
    assert (document.PatientID, document.AccessionNumber) == ("P0042", "ACC778899")
    assert document.StudyInstanceUID == "1.2.826.0.1.3680043.10.2.70"
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert {one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence} == set(uids)

    again = put(client, case_id, [before[1]], base_revision=1)
    assert again.json()["revision"] == 2
    with sqlite_store.read() as session:
        choice = choices.latest(session, case_id)
    assert choice is not None
    assert choice.images == (Chosen(before[1]["instance_ref"], 0, WindowName.OWN),)


def test_a_slice_can_be_had_through_another_window(
    client: TestClient, service: Service, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, chest_ct(tmp_path / "ct", 6))
    ref = frames(client, case_id)["series"][1]["instances"][0]["instance_ref"]
    both = [{"instance_ref": ref, "frame": 0, "window": one} for one in ("bone", "lung")]
    assert put(client, case_id, both).status_code == 200
    assert present(service, case_id) == both
    windows = [image.window for image in service.case_view(case_id).images]
    assert windows == [(400.0, 1800.0), (-600.0, 1500.0)]
    kept = pydicom.dcmread(io.BytesIO(selection(sqlite_store, case_id)))
    assert len([one for one in kept.ContentSequence if one.ValueType == "IMAGE"]) == 1


def test_what_is_refused(client: TestClient, service: Service, case_id: str) -> None:
    now = present(service, case_id)
    unknown = {"instance_ref": "i-0000000000000000", "frame": 0, "window": ""}
    for wanted, status, code in (
        ([], 422, "key_images_none"),
        ([now[0], now[0]], 422, "key_images_repeated"),
        ([now[0] | {"frame": n} for n in range(5)], 422, "key_images_too_many"),
        ([unknown], 404, "key_image_unknown"),
        ([now[0] | {"frame": 1}], 404, "key_image_unknown"),
        ([now[0] | {"window": "x-ray"}], 422, "request_invalid"),
    ):
        answer = put(client, case_id, wanted)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    answer = put(client, "c-0000000000000000", [now[0]])
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "case_not_found")
    assert present(service, case_id) == now and frames(client, case_id)["revision"] == 0
    assert state(service, case_id) is CaseState.DRAFTED


def test_of_two_who_choose_at_once_the_second_is_told(
    client: TestClient, service: Service, sqlite_store: Store, case_id: str
) -> None:
    now = present(service, case_id)
    assert put(client, case_id, [now[0]]).status_code == 200
    kept = selection(sqlite_store, case_id)
    answer = put(become(client, "周末"), case_id, [now[1]])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key_images_conflict")
    assert answer.json()["choice"]["by"] == "林清"
    assert present(service, case_id) == [now[0]]
    assert selection(sqlite_store, case_id) == kept
    assert len(selections(service, case_id)) == 1


def test_of_two_who_choose_at_the_same_moment_one_is_kept_with_its_own_selection(
    client: TestClient, service: Service, sqlite_store: Store, case_id: str
) -> None:
    now = present(service, case_id)
    other = become(asking(client.app), "周末")  # type: ignore[arg-type]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda chosen: put(chosen[0], case_id, [chosen[1]]),
                ((client, now[0]), (other, now[1])),
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (stored,) = selections(service, case_id)
    document = pydicom.dcmread(stored)
    (uid,) = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in document.ContentSequence
        if item.ValueType == "IMAGE"
    ]
    with sqlite_store.read() as session:
        choice = choices.latest(session, case_id)
        references = instances.references(session, case_id)
    assert choice is not None
    assert references[choice.images[0].instance_ref].sop_instance_uid == uid
    assert selection(sqlite_store, case_id) == stored.read_bytes()


def test_no_object_is_written_while_the_database_is_locked(
    client: TestClient,
    service: Service,
    sqlite_store: Store,
    case_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []

    def put_unlocked(objects: Objects, key: str, data: bytes) -> None:
        # Fails at once where somebody writes.
        with closing(sqlite3.connect(tmp_path / "data" / "radraft.db", timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.rollback()
        written.append(key.split("/")[0])
        real_put(objects, key, data)

    real_put = Objects.put
    monkeypatch.setattr(Objects, "put", put_unlocked)
    answer = put(client, case_id, present(service, case_id)[:1])
    assert answer.status_code == 200, answer.text
    assert "kos" in written


def test_an_edited_report_is_never_lost(
    client: TestClient, service: Service, sqlite_store: Store, case_id: str
) -> None:
    now = present(service, case_id)
    working = service.case_view(case_id).working
    assert working is not None
    mine = seed.reworded(working.report, "f1", "双肺清晰。")
    service.save(case_id, mine, base_revision=1, actor=actor("林清"))
    answer = put(client, case_id, [now[0]])
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        409,
        "key_images_report_edited",
    )
    assert present(service, case_id) == now
    assert put(client, case_id, [now[0]], keep_edit=True).status_code == 200
    seed.draft(sqlite_store, seed.made_draft(case_id))
    kept = service.case_view(case_id).working
    assert kept is not None
    assert kept.report.findings[0].zh == "双肺清晰。"
    assert state(service, case_id) is CaseState.DRAFTED


def test_a_signed_report_keeps_its_images(
    client: TestClient, service: Service, case_id: str
) -> None:
    now = present(service, case_id)
    service.signing.sign(
        case_id, base_revision=1, base_step=0, actor=signed_in(service.store, "林清")
    )
    for keep_edit in (False, True):
        answer = put(client, case_id, [now[0]], keep_edit=keep_edit)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "report_is_signed")
    assert present(service, case_id) == now
    service.signing.amend(case_id, actor=actor("林清"), base_step=1, reason="更正")
    assert put(client, case_id, [now[0]], keep_edit=True).status_code == 200


def test_whoever_reads_what_was_signed_sees_no_images_of_an_amendment(
    client: TestClient, service: Service, sqlite_store: Store, case_id: str
) -> None:
    first, second, *_ = present(service, case_id)
    assert put(client, case_id, [first]).status_code == 200
    seed.draft(sqlite_store, seed.made_draft(case_id))
    reader = signed_in(service.store, "林清")
    base = service.case_view(case_id).working.revision
    service.signing.sign(case_id, base_revision=base, base_step=0, actor=reader)
    service.signing.amend(case_id, actor=reader, base_step=1, reason="更正")
    answer = put(client, case_id, [second, first], keep_edit=True, base_revision=1)
    assert answer.status_code == 200
    assert present(service, case_id) == [second, first]
    assert client.get(f"/api/cases/{case_id}").json()["case"]["state"] == "received"
    become(client, "临床医师", (Role.CLINICIAN,))
    shown = client.get(f"/api/cases/{case_id}").json()
    assert [image["instance_ref"] for image in shown["images"]] == [first["instance_ref"]]
    assert shown["case"]["state"] == "drafted"
    assert "signed_images" not in shown


def test_radraft_s_own_images_of_a_signed_version_are_those_the_model_was_shown(
    client: TestClient, service: Service, sqlite_store: Store, case_id: str
) -> None:
    first, second, *_ = service.case_view(case_id).images
    asked = builders.make_request_json(case_id, (first.image_id,))
    request_sha = hashlib.sha256(asked.encode()).hexdigest()
    with sqlite_store.begin() as session:
        drafts.save_draft(
            session,
            replace(seed.made_draft(case_id), request_sha=request_sha),
            request_json=asked,
            encoder_id="encoder@0123456789abcdef",
            image_ids=(first.image_id,),
        )
    reader = signed_in(service.store, "林清")
    base = service.case_view(case_id).working.revision
    service.signing.sign(case_id, base_revision=base, base_step=0, actor=reader)
    service.signing.amend(case_id, actor=reader, base_step=1, reason="更正")
    wanted = [
        {"instance_ref": image.instance_ref, "frame": image.frame, "window": image.window_name}
        for image in (second, first)
    ]
    assert put(client, case_id, wanted, keep_edit=True).status_code == 200
    view = service.case_view(case_id)
    assert [image.image_id for image in view.images] == [second.image_id, first.image_id]
    assert [image.image_id for image in view.signed_only().images] == [first.image_id]


def test_not_while_a_draft_is_being_written(
    client: TestClient, service: Service, sqlite_store: Store, case_id: str
) -> None:
    now = present(service, case_id)
    with sqlite_store.begin() as session:
        cases.requeue(session, case_id)
        assert leases.claim_case(session, case_id, Owner())
    answer = put(client, case_id, [now[0]])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key_images_drafting")


def test_a_study_taken_in_before_its_images_were_recorded(
    client: TestClient, sqlite_store: Store, tmp_path: Path
) -> None:
    case_id = take_in(sqlite_store, films(tmp_path / "films"), recorded=False)
    found = frames(client, case_id)
    refs = {run["instance_ref"] for one in found["series"] for run in one["instances"]}
    assert refs == {one["instance_ref"] for one in found["images"]} and len(refs) == 3
    assert frames(client, case_id) == found


def test_choices_cannot_be_changed_afterwards(store: Store) -> None:
    with store.begin() as session:
        case_id = builders.add_case(session)
        wanted = (Chosen("i-1", 0, WindowName.LUNG), Chosen("i-2", 3))
        first = Choice(
            case_id, 1, person("A"), datetime(2026, 9, 14, 9, 30, 1, 5, tzinfo=UTC), wanted
        )
        choices.add(session, first)
        with pytest.raises(ChoiceConflict) as caught:
            choices.add(session, replace(first, by=person("B")))
    assert caught.value.current == first and first.images == wanted
    for change in ("UPDATE key_image_choices SET by = 'B'", "DELETE FROM key_image_choices"):
        with pytest.raises(DBAPIError), store.begin() as session:
            session.execute(text(change))
    with store.read() as session:
        assert choices.latest(session, case_id) == first
        assert choices.latest(session, "c-none") is None
