"""Objects in an S3 bucket: what is kept, and what is told when the service is down, slow, lying, or
not ours to read."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from radraft.core.errors import NotFound, RadraftError, StorageUnavailable
from radraft.core.settings import Settings
from radraft.llm.link import LlmState
from radraft.pipeline.health import readiness
from radraft.store.database import open_store
from radraft.store.objects import Objects
from tests.s3 import Fault, S3Service
from tests.store.test_objects import exercise

pytestmark = pytest.mark.slow

KEY = "originals/c-1/a.dcm"


@pytest.fixture
def objects(s3: S3Service, tmp_path: Path) -> Objects:
    return opened(s3.new_bucket(), tmp_path)


def opened(bucket: str, folder: Path, wait_s: float = 60.0) -> Objects:
    return Objects.open(f"s3://{bucket}/site", folder / "objects", wait_s=wait_s)


def code(ask: Callable[[], object]) -> str:
    """What `ask` is refused with, in both languages."""
    with pytest.raises(RadraftError) as error:
        ask()
    assert error.value.message_zh
    assert error.value.message_en
    return error.value.code


def every_question(objects: Objects, folder: Path) -> dict[str, Callable[[], object]]:
    """Each thing that radraft asks of its objects."""
    (folder / "file").write_bytes(b"bytes")
    return {
        "put": lambda: objects.put(KEY, b"bytes"),
        "put_file": lambda: objects.put_file(KEY, folder / "file"),
        "get": lambda: objects.get(KEY),
        "get_file": lambda: objects.get_file(KEY, folder / "copy"),
        "chunks": lambda: list(objects.chunks(KEY)),
        "exists": lambda: objects.exists(KEY),
        "find": lambda: objects.find(KEY),
        "listing": lambda: list(objects.listing()),
        "folders": lambda: objects.folders("originals"),
        "remove": lambda: objects.remove(KEY),
        "any": objects.any,
        "require_reachable": objects.require_reachable,
    }


def test_a_bucket_keeps_what_a_folder_keeps(objects: Objects, tmp_path: Path) -> None:
    exercise(objects)
    assert not (tmp_path / "objects").exists()


def test_what_is_larger_than_one_request_takes_is_kept_whole(
    objects: Objects, tmp_path: Path
) -> None:
    data = hashlib.shake_256(b"made up").digest(12 << 20)
    (tmp_path / "large").write_bytes(data)
    objects.put_file(KEY, tmp_path / "large")
    objects.get_file(KEY, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data
    found = objects.find(KEY)
    assert found is not None
    assert found.size == len(data)


def test_what_is_there_is_listed_and_what_is_removed_is_gone(objects: Objects) -> None:
    keys = {"originals/c-1/a.dcm", "originals/c-1/b.dcm", "originals/c-2/a.dcm", "images/aa/x"}
    for key in keys:
        objects.put(key, key.encode())
    assert {item.key for item in objects.listing()} == keys
    assert {item.key for item in objects.listing("originals/c-1")} == {
        "originals/c-1/a.dcm",
        "originals/c-1/b.dcm",
    }
    assert objects.folders("originals") == ("originals/c-1", "originals/c-2")
    for _ in range(2):
        objects.remove("images/aa/x")
    assert not objects.exists("images/aa/x")
    assert code(lambda: objects.get("images/aa/x")) == "object_not_found"


def test_two_sites_in_one_bucket_see_nothing_of_each_other(s3: S3Service, tmp_path: Path) -> None:
    bucket = s3.new_bucket()
    north, south = (
        Objects.open(f"s3://{bucket}/{site}", tmp_path / site) for site in ("north", "south")
    )
    north.put(KEY, b"north")
    assert not south.any()
    with pytest.raises(NotFound):
        south.get(KEY)


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_keys_are_said_to_be_wrong(
    s3: S3Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    bucket = s3.new_bucket()
    opened(bucket, tmp_path).put(KEY, b"bytes")
    monkeypatch.setenv(wrong, "AKIAIOSFODNN7EXAMPLE")
    for name, ask in every_question(opened(bucket, tmp_path), tmp_path).items():
        assert (name, code(ask)) == (name, "objects_refused")


def test_a_bucket_that_is_missing_is_no_missing_object(s3: S3Service, tmp_path: Path) -> None:
    objects = opened("nobody-made-this", tmp_path)
    for name, ask in every_question(objects, tmp_path).items():
        assert (name, code(ask)) == (name, "objects_bucket_missing")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.BROKEN, "objects_unreachable"),
        (Fault.SILENT, "objects_unreachable"),
        (Fault.CLOCK, "objects_clock_wrong"),
    ],
)
def test_a_service_that_fails_is_told_and_works_again_once_it_is_well(
    s3: S3Service, tmp_path: Path, fault: Fault, told: str
) -> None:
    objects = opened(s3.new_bucket(), tmp_path, wait_s=0.5)
    objects.put(KEY, b"bytes")
    s3.fault = fault
    asked = every_question(objects, tmp_path)
    for name in ("put", "get", "chunks", "listing", "remove", "require_reachable"):
        assert (name, code(asked[name])) == (name, told)
    s3.fault = Fault.NONE
    s3.released.set()
    assert objects.get(KEY) == b"bytes"


def test_an_answer_that_breaks_off_is_never_taken_for_the_whole(
    s3: S3Service, tmp_path: Path
) -> None:
    objects = opened(s3.new_bucket(), tmp_path, wait_s=5)
    data = bytes(range(256)) * 4096
    objects.put(KEY, data)
    s3.fault = Fault.CUT
    for ask in (lambda: objects.get(KEY), lambda: b"".join(objects.chunks(KEY))):
        with pytest.raises(StorageUnavailable) as error:
            ask()
        assert error.value.code == "objects_unreachable"


def test_an_address_where_nobody_answers(
    s3: S3Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.new_bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    objects = opened(bucket, tmp_path, wait_s=2)
    assert code(lambda: objects.get(KEY)) == "objects_unreachable"


def test_the_workstation_is_not_ready_without_its_bucket_and_says_why(
    s3: S3Service, migrated_folder: Path, tmp_path: Path
) -> None:
    bucket = s3.new_bucket()
    shutil.copytree(migrated_folder, tmp_path / "data")
    url = f"s3://{bucket}/site"
    store = open_store(Settings(data_dir=tmp_path / "data", objects_url=url))
    assert readiness(store, LlmState.OFF).ready
    s3.drop_bucket(bucket)
    found = readiness(store, LlmState.OFF)
    assert (found.ready, found.objects) == (False, "objects_bucket_missing")
    store.close()


def test_doctor_says_what_is_wrong_with_the_bucket(s3: S3Service, tmp_path: Path) -> None:
    def told(bucket: str) -> tuple[str, list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", "from radraft.cli import main; main()", "doctor", "--json"],
            env={
                **s3.environment(),
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": ":".join(sys.path),
                "RADRAFT_DATA_DIR": str(tmp_path / "data"),
                "RADRAFT_OBJECTS_URL": f"s3://{bucket}/site",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        found = json.loads(done.stdout)
        return found["objects"], [problem["code"] for problem in found["problems"]]

    well, problems = told(s3.new_bucket())
    assert (well, "objects_bucket_missing" in problems) == ("ok", False)
    lacking, problems = told("nobody-made-this")
    assert lacking == "objects_bucket_missing"
    assert "objects_bucket_missing" in problems
