"""SIGKILL at any moment of the edit-sign path."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.reports import codec
from radraft.reports.sign import verify
from radraft.reports.training_pair import sealed
from radraft.reports.values import ReportState
from radraft.store import report_steps, reports
from radraft.store.database import Store, open_store
from radraft.store.pairs import pairs
from radraft.store.signatures import contents, versions
from radraft.store.tables import RevisionRow
from tests import children
from tests.builders import add_drafted, person
from tests.scale import scaled

KILLS = scaled(8, full=40)

Told = tuple[str, str, int, str]


def run_and_kill(settings: Settings, case_ids: list[str], chance: random.Random) -> list[Told]:
    """A child's acknowledgements; a wait of up to three transactions puts its death anywhere within
    one."""
    return children.killed(
        children.save_and_sign, settings, case_ids, chance=chance, most=12, within=0.02
    )


@pytest.mark.always
@pytest.mark.slow
@pytest.mark.scaled
def test_a_kill_leaves_reports_wholly_signed_or_wholly_unsigned(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    store = open_store(settings)
    with store.begin() as session:
        case_ids = [add_drafted(session, number) for number in range(3)]
    store.close()
    chance = random.Random(20261122)
    saved: dict[tuple[str, int], str] = {}
    signed: dict[tuple[str, int], str] = {}
    for _ in range(KILLS):
        for kind, case_id, number, what in run_and_kill(settings, case_ids, chance):
            (saved if kind == "saved" else signed)[case_id, number] = what
        store = open_store(settings)
        look(store, case_ids, saved, signed)
        settle(store, case_ids)
        store.close()
    assert len(saved) > KILLS
    assert len(signed) > KILLS // 4


def look(
    store: Store,
    case_ids: list[str],
    saved: dict[tuple[str, int], str],
    signed: dict[tuple[str, int], str],
) -> None:
    """Every acknowledged save and signature is there, and each signature has exactly its pair."""
    with store.read() as session:
        for (case_id, revision), text in saved.items():
            content = session.get_one(RevisionRow, (case_id, revision)).content
            assert codec.stored_report(content).findings[0].zh == text
        by_case = defaultdict(list)
        for pair in pairs(session):
            assert sealed(pair) == pair
            by_case[pair.case_id].append(pair.signed)
        for case_id in case_ids:
            chain = versions(session, case_id)
            assert by_case[case_id] == list(chain)
            assert all(map(verify, contents(session, case_id)))
            before = [None, *(version.content_sha for version in chain)]
            assert [version.supersedes for version in chain] == before[:-1]
            work = reports.current(session, case_id)
            assert work.base_version == len(chain)
            unsigned = {ReportState.DRAFTED, ReportState.WRITING}
            allowed = {ReportState.SIGNED, ReportState.AMENDED} if chain else unsigned
            assert work.state in allowed
            if work.state is ReportState.SIGNED:
                assert work.report == chain[-1].report
        for (case_id, version), sha in signed.items():
            assert versions(session, case_id)[version - 1].content_sha == sha


def settle(store: Store, case_ids: list[str]) -> None:
    """Reopen what the kill left signed, so that the next child can begin by saving."""
    with store.begin() as session:
        for case_id in case_ids:
            if reports.current(session, case_id).state is ReportState.SIGNED:
                report_steps.amend(
                    session, case_id, editor=person("李"), reason="更正", now=datetime.now(UTC)
                )
