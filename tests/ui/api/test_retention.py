"""What the interface says of images that a retention rule dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from radraft.core.settings import Settings
from radraft.pipeline.service import Service
from radraft.store.database import Store
from radraft.ui.access import application
from radraft.ui.api.key_images import add_keyimages
from radraft.ui.api.reports import add_api
from tests.ui.chosen import films, take_in
from tests.ui.conftest import asking, make_service
from tests.ui.retained import drop, sign_case

pytestmark = pytest.mark.slow


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Iterator[Service]:
    made = make_service(sqlite_store, tmp_path / "data")
    yield made
    made.choosing.close()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_api(app, service)
    add_keyimages(app, service)
    with asking(app) as made:
        yield made


def test_a_study_whose_images_were_dropped_says_when_and_keeps_its_signed_report(
    client: TestClient, service: Service, tmp_path: Path
) -> None:
    case_id = take_in(service.store, films(tmp_path / "f", 1701))
    sign_case(service.store, case_id)
    before = client.get(f"/api/cases/{case_id}").json()
    assert before["dropped"] is None
    frames = client.get(f"/api/cases/{case_id}/frames").json()
    instance = frames["series"][0]["instances"][0]["instance_ref"]
    at = drop(service.store, Settings(data_dir=tmp_path / "data"), case_id)
    after = client.get(f"/api/cases/{case_id}").json()
    assert after["dropped"] == {"at": at.isoformat(), "rule": 1, "kept": []}
    for same in ("versions", "working", "images", "identity"):
        assert after[same] == before[same]
    shown = before["images"][0]["image_id"]
    for path in (
        f"/api/images/{shown}/png",
        f"/api/images/{shown}/values",
        f"/api/cases/{case_id}/frames",
        f"/api/cases/{case_id}/frames/{instance}/0/png",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "images_dropped"), path
        for language in ("zh", "en"):
            assert f"{at:%Y-%m-%d}" in answer.json()["error"][f"message_{language}"]
