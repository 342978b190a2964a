"""What was signed, written and reopened before two people signed stands as it stood."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from radraft.core.settings import Settings
from radraft.reports.lifecycle import Move
from radraft.reports.people import PersonKind, known_person
from radraft.reports.roles import PERMISSIONS, Role
from radraft.reports.sign import verify
from radraft.reports.values import Amendment, AmendmentKind, Manner, ReportState
from radraft.store import report_steps, reports, signature_rules, signatures
from radraft.store.database import Store, open_store
from radraft.store.signature_check import examine
from tests.builders import person

FIXTURE = Path(__file__).parents[1] / "fixtures" / "stores" / "3895a5f-accounts"
NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)

pytestmark = pytest.mark.slow


@pytest.fixture
def expected() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))
    return read


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Store]:
    folder = shutil.copytree(FIXTURE, tmp_path / "data")
    with sqlite3.connect(folder / "radraft.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            ("0012",)
        ]
    connection.close()
    store = open_store(Settings(data_dir=folder))
    yield store
    store.close()


def test_a_report_that_was_being_written_has_who_saved_last_as_its_author(
    migrated: Store, expected: dict[str, Any]
) -> None:
    for name in ("in_review_by_account", "in_review_by_typed_name"):
        case = expected["cases"][name]
        with migrated.read() as session:
            now = reports.current(session, case["case_id"])
        assert now.state is ReportState.WRITING
        assert now.author == now.editor == known_person(*case["editor"])
        assert (now.revision, now.steps, now.amendment) == (case["revision"], 0, None)
    drafted = expected["cases"]["drafted"]["case_id"]
    with migrated.read() as session:
        assert reports.current(session, drafted).author is None


def test_what_was_signed_verifies_and_keeps_its_signer(
    migrated: Store, expected: dict[str, Any]
) -> None:
    kinds = {"signed": PersonKind.ACCOUNT, "signed_by_typed_name": PersonKind.TYPED}
    with migrated.read() as session:
        for name, kind in kinds.items():
            case = expected["cases"][name]
            assert list(signatures.contents(session, case["case_id"])) == case["signed"]
            assert all(map(verify, case["signed"]))
            (version,) = signatures.versions(session, case["case_id"])
            assert (version.author.kind, version.reviewer) == (kind, None)
            assert (version.signing, version.amendment) == (None, None)
        assert [finding for part in examine(session) for finding in part.findings] == []


def test_an_open_amendment_goes_on_or_is_cancelled(
    migrated: Store, expected: dict[str, Any]
) -> None:
    case_id = expected["cases"]["amendment_open"]["case_id"]
    with migrated.read() as session:
        now = reports.current(session, case_id)
        (before,) = signatures.versions(session, case_id)
    assert now.state is ReportState.AMENDED
    assert now.amendment == Amendment(AmendmentKind.AMENDMENT, "")
    assert now.author is not None
    with migrated.begin() as session:
        report_steps.take(
            session,
            case_id,
            Move.SUBMIT,
            by=now.author,
            permissions=PERMISSIONS[Role.ATTENDING],
            now=NOW,
        )
        second = signatures.sign(
            session, case_id, base_revision=now.revision, signer=person("复核"), now=NOW
        )
    assert (second.version, second.author, second.reviewer) == (2, now.author, person("复核"))
    assert second.signing is not None
    assert second.signing.manner is Manner.REVIEWED
    with migrated.read() as session:
        assert signatures.versions(session, case_id) == (before, second)


def test_no_site_has_a_rule_yet_and_one_signature_is_enough(migrated: Store) -> None:
    with migrated.read() as session:
        found = signature_rules.of_site(session, "site-a")
    assert (found.number, found.rule.two_signatures) == (signature_rules.UNSET, False)
