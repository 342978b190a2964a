"""Killed again and again on both sides while reports are signed, sent and taken: each version is at
each receiver once, in order, byte for byte what it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from radraft.core.settings import Settings
from radraft.pipeline.service import Service
from radraft.reports.people import Actor
from radraft.reports.values import ReportState
from radraft.store import signatures
from radraft.store.database import Store
from tests import children, his, ris
from tests.builders import make_sentence, signed_in
from tests.outbox_children import Sender
from tests.pipeline.outbox_site import (
    amend,
    drafted,
    fhir_target,
    folder_target,
    hl7_target,
    service_with,
    sign,
    states,
)
from tests.processes import until
from tests.receiver import Receiver
from tests.scale import scaled

pytestmark = [pytest.mark.slow, pytest.mark.scaled]

KILLS = scaled(3, full=50)
"""Of ours, and as many of theirs."""
CASES, VERSIONS = scaled(6, full=40), 3
"""Reports, each amended until it has so many versions."""
SLOW_S = 0.1
"""Between keeping a report and saying so, where the kill of a receiver hurts most."""


@pytest.mark.always
def test_each_version_comes_once_and_in_order_over_kills_of_both_sides(
    sqlite_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    children.context.set_forkserver_preload(
        ["tests.children", "tests.words_read", "tests.outbox_children"]
    )
    settings = Settings(data_dir=tmp_path / "data", site="site-a")
    taking = ris.receiver(tmp_path / "ris.db", pause_s=SLOW_S)
    serving = his.receiver(tmp_path / "his.db", pause_s=SLOW_S)
    targets = [
        folder_target(tmp_path / "out"), hl7_target(taking.port), fhir_target(his.url(serving)),
    ]  # fmt: skip
    senders = [Sender(settings, targets) for _ in range(2)]
    service = service_with(sqlite_store, settings, targets)
    reader = signed_in(sqlite_store, "主治")
    case_ids = [drafted(sqlite_store, number) for number in range(1, CASES + 1)]
    with running(taking, serving, *senders):
        killed(service, reader, case_ids, senders, (taking, serving))
        until(lambda: set(states(sqlite_store)) == {"delivered"}, alive=lambda: lives(sqlite_store))
    hashes = signed_hashes(sqlite_store, case_ids)
    assert all(len(versions) == VERSIONS for versions in hashes.values())
    names = {f"{c}-v{v}.txt" for c in case_ids for v in range(1, VERSIONS + 1)}
    assert {path.name for path in (tmp_path / "out").glob("*.txt")} == names
    the_ris_has_each_once(taking, hashes)
    the_his_has_each_once(serving, hashes)
    kills = [sum(sender.kills for sender in senders), taking.kills + serving.kills]
    repeats = [
        len(ris.arrivals(taking)) - len(ris.results(taking)),
        len(his.transactions(serving)) - len(set(his.transactions(serving))),
    ]
    # The ends of the test are kills too.
    with capsys.disabled():
        print(f"\nkills {kills[0] - 2} ours, {kills[1] - 2} theirs; versions {len(names)};")
        print(f"sent again to RIS {repeats[0]}, HIS {repeats[1]}")


def killed(
    service: Service,
    reader: Actor,
    case_ids: list[str],
    senders: list[Sender],
    receivers: tuple[Receiver, Receiver],
) -> None:
    """Sign all versions, and meanwhile kill processes of both sides at any moment, as many."""
    chance = Random(4711)
    signing = [case_id for _ in range(VERSIONS) for case_id in case_ids]
    sides: list[list[Sender] | list[Receiver]] = [
        *[senders for _ in range(KILLS)],
        *[list(receivers) for _ in range(KILLS)],
    ]
    chance.shuffle(sides)
    for number, side in enumerate(sides):
        before = came(receivers)
        first, last = (len(signing) * n // len(sides) for n in (number, number + 1))
        for case_id in signing[first:last]:
            sign_next(service, case_id, reader)
        until(lambda before=before: came(receivers) > before)  # type: ignore[misc]
        threading.Event().wait(chance.uniform(0, 0.1))
        process = chance.choice(side)
        process.kill()
        process.start()


def came(receivers: tuple[Receiver, Receiver]) -> int:
    """How much came to either."""
    taking, serving = receivers
    return len(ris.arrivals(taking)) + len(his.transactions(serving))


def sign_next(service: Service, case_id: str, reader: Actor) -> None:
    """Sign the next version of a report, in words of its own."""
    if service.case_view(case_id).working.state is ReportState.SIGNED:
        amend(service, case_id, reader)
    working = service.case_view(case_id).working
    version = working.base_version + 1
    said = make_sentence("f1", f"第{version}版。", f"Version {version}.")
    report = replace(working.report, findings=(said, *working.report.findings[1:]))
    service.save(case_id, report, base_revision=working.revision, actor=reader)
    sign(service, case_id, reader)


def signed_hashes(store: Store, case_ids: list[str]) -> dict[str, list[str]]:
    """The hashes of each report's versions, first to newest."""
    with store.read() as session:
        return {
            case_id: [signed.content_sha for signed in signatures.versions(session, case_id)]
            for case_id in case_ids
        }


def lives(store: Store) -> bool:
    """Whether nothing was refused or given up."""
    return {"waiting", "sending", "delivered"} >= set(states(store))


def the_ris_has_each_once(taking: Receiver, hashes: dict[str, list[str]]) -> None:
    kept = [sha for result in ris.results(taking) for sha in result.observed("content-hash")]
    assert sorted(kept) == sorted(sha for versions in hashes.values() for sha in versions)
    arrived = [result.observed("content-hash")[0] for result in ris.arrivals(taking)]
    for versions in hashes.values():
        # A kill makes a version come again, and never after a later one.
        numbers = [versions.index(sha) for sha in arrived if sha in versions]
        assert numbers == sorted(numbers)


def the_his_has_each_once(serving: Receiver, hashes: dict[str, list[str]]) -> None:
    reports = his.history(serving, "DiagnosticReport")
    for case_id, versions in hashes.items():
        # One resource, of which each version follows the one before; a repeat makes none.
        history = [report for report in reports if report["identifier"][0]["value"] == case_id]
        assert [report["identifier"][1]["value"] for report in history] == versions
        assert len({report["id"] for report in history}) == 1
    assert len({patient["id"] for patient in his.history(serving, "Patient")}) == 1
    # A server may take two transactions that make the same patient for two patients.
    assert his.most_beside(serving) == 0


@contextmanager
def running(*processes: Sender | Receiver) -> Iterator[None]:
    """Start them, and kill them at the end."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.kill()
