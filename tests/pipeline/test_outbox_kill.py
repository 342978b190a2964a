"""Killed again and again while it sends, radraft delivers each version once, in order."""

from __future__ import annotations

import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from radraft.core.metrics import Metrics
from radraft.core.settings import Settings
from radraft.exchange import mllp, report_folder
from radraft.exchange.targets import Target, TargetKind
from radraft.pipeline.outbox import Outbox
from radraft.pipeline.outbox_delivery import OutboxDelivery
from radraft.pipeline.outbox_rendering import Rendered
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import Delivered, Entry, NewEntry, Outcome
from radraft.store import outbox as stored
from radraft.store.database import open_store
from radraft.store.leases import Owner
from tests.builders import add_case
from tests.children import killed
from tests.exchange.mllp_receiver import receiving
from tests.pipeline.outbox_site import delivering, folder_target, hl7_target, states
from tests.processes import until
from tests.scale import scaled

pytestmark = [pytest.mark.slow, pytest.mark.scaled]

KILLS = scaled(5, full=50)
CASES, VERSIONS = scaled(12, full=40), 3
"""Reports, each amended until it has so many versions."""


def send(entry: Entry, target: Target) -> Outcome:
    """Hand over what stands for the report: no signature is needed to see what a kill leaves."""
    what = entry.what
    control_id = f"{what.case_id[2:]}-{what.version}"
    header = f"MSH|^~\\&|RADRAFT||RIS||20261129||ORU^R01|{control_id}|P|2.5.1\r"
    made = Rendered(header.encode(), f"{what.case_id}-v{what.version}.txt")
    if target.kind is TargetKind.FOLDER:
        assert target.folder is not None
        report_folder.put(made.content, made.name, target.folder)
    else:
        assert target.host is not None
        mllp.send(made.content, target.host, charset="utf-8", tls=None, wait_s=20.0)
    return Delivered()


def deliver(settings: Settings, targets: list[Target], told: Connection) -> None:
    """Deliver for ever; tells each delivery before it is written down."""
    store = open_store(settings)

    def telling(entry: Entry, target: Target) -> Outcome:
        outcome = send(entry, target)
        with lock:
            told.send(entry.entry_id)
        return outcome

    lock = threading.Lock()
    outbox = Outbox(store, targets)
    OutboxDelivery(store, outbox, telling, Metrics(), owner=Owner(term_s=0.2)).start()
    while True:
        time.sleep(60)


def test_each_version_comes_once_and_in_order_over_kills(
    sqlite_store: object, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", site="site-a")
    chance = Random(4711)
    store = open_store(settings)
    with receiving() as receiver:
        targets = [folder_target(tmp_path / "out"), hl7_target(receiver.port)]
        final, corrected = OutgoingStatus.FINAL, OutgoingStatus.CORRECTED
        with store.begin() as session:
            case_ids = [add_case(session, number) for number in range(1, CASES + 1)]
            for version in range(1, VERSIONS + 1):
                status = final if version == 1 else corrected
                stored.enqueue(
                    session,
                    [
                        NewEntry(target.name, case_id, version, 0, status, form)
                        for case_id in case_ids
                        for target in targets
                        for form in target.forms
                    ],
                )
        for _ in range(KILLS):
            if "waiting" not in states(store) and "sending" not in states(store):
                break
            killed(deliver, settings, targets, chance=chance, most=4, within=0.05)
        outbox = Outbox(store, targets)
        with delivering(store, settings, outbox, send=send, owner=Owner(term_s=0.2)):
            until(lambda: set(states(store)) == {"delivered"})
    store.close()
    assert len(list((tmp_path / "out").glob("*.txt"))) == CASES * VERSIONS
    assert len(receiver.kept()) == CASES * VERSIONS
    for case_id in case_ids:
        came = [control_id for control_id, _ in receiver.came if control_id.startswith(case_id[2:])]
        first = list(dict.fromkeys(came))
        assert first == [f"{case_id[2:]}-{version}" for version in range(1, VERSIONS + 1)]
        # A kill makes a version come again, and never after a later one.
        assert came == sorted(came)
