"""Prints how long it takes to find a study's priors in a store of many studies.

    .venv/bin/python bench/priors.py [STUDIES]

The store is SQLite in a temporary folder, filled with the patients of `tests/studies/registry.py`:
two hospitals, one study of the chest each time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from radraft.core.settings import Settings
from radraft.store import priors
from radraft.store.database import Store, open_store
from radraft.store.tables import Base, CaseRow, PatientKeyRow, PatientRow, StudyIdentityRow
from radraft.studies.priors import keys
from tests.studies.registry import Record, people, records

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ASKED = 400


def main(studies: int = 100_000) -> None:
    """Fill a store and time `ASKED` studies spread over it, and those with the most namesakes."""
    patients = people(studies * 2 // 3)
    half = len(patients) // 4
    known = records(patients[: studies // 2], "north", 1) + records(
        patients[half : half + studies - studies // 2], "south", 2
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Settings(data_dir=Path(folder)))
        started = time.perf_counter()
        fill(store, known)
        print(f"{len(known)} studies, filled in {time.perf_counter() - started:.0f} s")
        with store.read() as session:
            commonest = session.execute(
                sa.select(PatientKeyRow.key, sa.func.count())
                .group_by(PatientKeyRow.key)
                .order_by(sa.func.count().desc())
                .limit(5)
            ).all()
            sharing = sa.select(PatientKeyRow.case_id).where(
                PatientKeyRow.key.in_([key for key, _ in commonest])
            )
            crowded = session.scalars(sharing.limit(100)).all()
        print("studies that share the commonest keys:", ", ".join(str(n) for _, n in commonest))
        spread = [f"c-{n:016x}" for n in range(0, len(known), max(1, len(known) // ASKED))]
        for name, asked in (("spread over the store", spread), ("commonest keys", crowded)):
            report(name, timed(store, asked))
        store.close()


def timed(store: Store, asked: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds that each of the cases took, each in a transaction of its own: by the clock,
    and of the processor, which does not count what other programs took."""
    took: dict[str, list[float]] = {"clock": [], "processor": []}
    for case_id in asked:
        started, used = time.perf_counter(), time.process_time()
        with store.read() as session:
            priors.find(session, case_id)
        took["clock"].append(1000 * (time.perf_counter() - started))
        took["processor"].append(1000 * (time.process_time() - used))
    return took


def report(name: str, took: dict[str, list[float]]) -> None:
    """Print the percentiles of `took`."""
    for kind, times in took.items():
        p50, p95, p99 = np.percentile(times, (50, 95, 99))
        print(
            f"{name}, {kind}: {len(times)} cases, median {p50:.1f} ms, 95% {p95:.1f} ms, "
            f"99% {p99:.1f} ms, most {max(times):.1f} ms"
        )


def fill(store: Store, known: list[Record]) -> None:
    """Write the rows that taking the studies in would have written."""
    rows: dict[type[Base], list[dict[str, object]]] = {
        kind: [] for kind in (PatientRow, CaseRow, StudyIdentityRow, PatientKeyRow)
    }
    for number, record in enumerate(known):
        case_id, ref, who = f"c-{number:016x}", f"p-{number:016x}", record.person
        taken = NOW - timedelta(hours=len(known) - number)
        rows[PatientRow].append({"patient_ref": ref, "patient_id": who.number})
        rows[CaseRow].append(
            row(
                case_id=case_id, patient_ref=ref, site=who.site, modality="CR", body_part="CHEST",
                view="frontal", age_band="", sex=who.sex, history="", state="drafted",
                received_at=taken, issues=(),
            )
        )  # fmt: skip
        rows[StudyIdentityRow].append(
            row(
                case_id=case_id, study_uid=f"1.2.{number}", patient_ref=ref,
                patient_name=who.name, patient_sex=who.sex, birth_date=who.birth_date,
                accession="", study_time=taken.replace(tzinfo=None).isoformat(), description="",
                history="", age_years=None, original_keys=(),
            )
        )  # fmt: skip
        rows[PatientKeyRow] += [{"case_id": case_id, "key": key} for key in keys(who)]
    with store.begin() as session:
        for kind, values in rows.items():
            session.execute(sa.insert(kind), values)


def row(**values: object) -> dict[str, object]:
    """A row's values."""
    return values


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
