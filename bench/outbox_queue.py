"""What the outbox itself costs an entry: claimed, settled, sealed in the audit; nothing is read of
a report and nothing sent.

    python -m radraft.bench.outbox_queue [--reports 100] [--rounds 3]

The receivers stand for a PACS that gets two documents of each report, a RIS and a HIS; each try
takes 10 ms. PostgreSQL, which waits for the disk, is a cluster of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

from radraft.bench.turns import server_cpu_s
from radraft.core.metrics import Metrics
from radraft.core.settings import Settings
from radraft.pipeline.outbox import Outbox
from radraft.pipeline.outbox_delivery import OutboxDelivery
from radraft.reports.export.values import OutgoingStatus
from radraft.reports.outgoing_entry import Delivered, Entry, NewEntry, Outcome, OutgoingForm
from radraft.store import outbox as stored
from radraft.store.database import Store, open_store

# Only tests know how to run a PostgreSQL, and have receivers that are never asked.
from tests import postgres
from tests.builders import add_case
from tests.pipeline.outbox_site import hl7_target

FORMS = {
    "pacs": (OutgoingForm.SR, OutgoingForm.KOS),
    "ris": (OutgoingForm.ORU,),
    "his": (OutgoingForm.FHIR,),
}
TRY_S = 0.01
LOOK_S = 0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--reports", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres.running_cluster(durable=True) as cluster:
        cluster.create("queue")
        settings = Settings(data_dir=Path(folder) / "data", database_url=cluster.url("queue"))
        with closing(open_store(settings)) as store:
            for number in range(asked.rounds):
                entries = put(store, number * asked.reports, asked.reports)
                measure(store, cluster.server(), entries)


def put(store: Store, first: int, reports: int) -> int:
    """Queue reports that are said to be signed; return how many entries that makes."""
    with store.begin() as session:
        entries = [
            NewEntry(name, case_id, 1, 0, OutgoingStatus.FINAL, form)
            for case_id in [add_case(session, first + number) for number in range(reports)]
            for name, forms in FORMS.items()
            for form in forms
        ]
        return stored.enqueue(session, entries)


def measure(store: Store, server: int, entries: int) -> None:
    """Have all that waits delivered and print what it cost."""
    outbox = Outbox(store, [hl7_target(1, name) for name in FORMS])
    began, own, database = time.perf_counter(), time.process_time(), server_cpu_s(server)
    with closing(OutboxDelivery(store, outbox, take, Metrics())) as delivery:
        delivery.start()
        while True:
            time.sleep(LOOK_S)
            with store.read() as session:
                if not stored.open_counts(session):
                    break
        own, database = time.process_time() - own, server_cpu_s(server) - database
    print(
        f"{entries} entries in {time.perf_counter() - began:.1f} s: processor ms an entry, radraft "
        f"{1e3 * own / entries:.2f}, PostgreSQL {1e3 * database / entries:.2f}; "
        f"load {os.getloadavg()[0]:.0f}",
        flush=True,
    )


def take(entry: Entry, target: object) -> Outcome:
    """Stand for a receiver that takes everything."""
    time.sleep(TRY_S)
    return Delivered()


if __name__ == "__main__":
    main()
