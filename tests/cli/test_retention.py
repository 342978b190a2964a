"""`radraft retention` as an administrator runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.store.database import open_store
from tests.cli.test_commands import answer, radraft
from tests.retention_site import SITE, add_study, files

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, migrated_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a site with two signed studies, and an archive that is set."""
    shutil.copytree(migrated_folder, tmp_path / "data")
    store = open_store(Settings(data_dir=tmp_path / "data"))
    for number in (1, 2):
        add_study(store, number)
    store.close()
    (tmp_path / "archive").mkdir()
    monkeypatch.setenv("RADRAFT_ARCHIVE_DIR", str(tmp_path / "archive"))
    return tmp_path / "data"


def test_a_rule_is_set_tried_and_applied(folder: Path) -> None:
    assert answer(folder, "retention") == {"applied": False, "sites": []}
    rule = ("--rule", "CR: move after 365 days, drop after 3,650", "--site", SITE)
    terms = ["CR: move after 365 days, drop after 3650 days"]
    assert answer(folder, "retention", *rule) == {
        "site": SITE,
        "rule": 1,
        "terms": terms,
        "damaged": False,
    }
    before = files(folder / "objects")
    nothing = {"studies": 0, "objects": 0, "bytes": 0}
    expected = {
        "site": SITE, "rule": 1, "terms": terms, "damaged": False,
        "moved": nothing, "dropped": nothing, "held_back": {},
    }  # fmt: skip
    for options in ((), ("--apply",)):
        found = answer(folder, "retention", *options)
        assert found == {"applied": bool(options), "sites": [expected]}
    assert files(folder / "objects") == before
    text = radraft(folder, "retention").stdout
    assert "would be dropped: 0 studies, 0 objects, 0.0 MiB" in text
    assert "Nothing was changed; --apply does it." in text


def test_who_changed_a_rule_and_when_is_in_the_audit(folder: Path) -> None:
    answer(folder, "retention", "--rule", "CR: move after 9", "--site", SITE)
    answer(folder, "retention", "--keep-all", "--site", SITE)
    lines = radraft(folder, "audit", "export").stdout.splitlines()
    events = [event for event in map(json.loads, lines) if event["kind"] == "configuration"]
    assert [event["details"] for event in events] == [
        {"retention_rule": "1", "term_1": "CR: move after 9 days"},
        {"retention_rule": "2"},
    ]
    assert all(event["site"] == SITE and event["name"] for event in events)
    assert answer(folder, "audit", "verify")["ok"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--apply", "--keep-all"), "retention_options"),
        (("--rule", "CR: keep"), "retention_rule_invalid"),
        (("--rule", "CR unsigned: drop after 9"), "retention_unsigned_dropped"),
    ],
)
def test_what_cannot_be_meant_is_refused(folder: Path, options: tuple[str, ...], code: str) -> None:
    assert answer(folder, "retention", *options, code=1)["error"]["code"] == code


def test_a_rule_that_needs_slower_storage_says_so_where_none_is_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RADRAFT_ARCHIVE_DIR")
    answer(folder, "retention", "--rule", "CR: move after 9", "--site", SITE)
    assert "RADRAFT_ARCHIVE_DIR" in radraft(folder, "retention").stdout
    found = answer(folder, "retention", "--apply", code=1)
    assert found["error"]["code"] == "retention_archive_unset"
