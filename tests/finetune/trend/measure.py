"""Time and memory of the trend over many pairs: `python -m tests.finetune.trend.measure [PAIRS]`.

Signs a few dozen reports as readers do and copies their rows, so that the texts are real ones.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from radraft.core.settings import Settings
from radraft.finetune.trend.facts import Ledger
from radraft.finetune.trend.weeks import trends
from radraft.reports import codec, sign
from radraft.store import signature_chain
from radraft.store.database import open_store
from radraft.store.tables import Base, CaseRow, DraftRow, PairRow, SignedRow
from radraft.ui.pages.flywheel.page import page
from tests.finetune.trend import made

_AT_ONCE = 1000


def main(pairs: str = "20000") -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Settings(data_dir=Path(folder)))
        with store.begin() as session:
            made.ten_weeks(session, a_week=6, site_names=("north", "south"))
        with store.begin() as session:
            total = _fill(session, int(pairs))
        before = _megabytes()
        ledger = Ledger()
        started = time.perf_counter()
        found = trends(store, ledger=ledger)
        read = time.perf_counter()
        html = page(found, "zh")
        drawn = time.perf_counter()
        trends(store, ledger=ledger)
        again = time.perf_counter()
        store.close()
    print(
        f"{total} pairs: read and counted in {read - started:.1f} s, page of "
        f"{len(html) // 1024} KB in {drawn - read:.1f} s, counted again in "
        f"{again - drawn:.1f} s; peak memory {_megabytes():.0f} MB, "
        f"{_megabytes() - before:.0f} MB of it for this"
    )


def _fill(session: Session, wanted: int) -> int:
    """Copy signed cases under new ids until there are `wanted` pairs."""
    tables: tuple[type[Base], ...] = (CaseRow, DraftRow, PairRow)
    signed = set(session.scalars(select(PairRow.case_id)))
    rows = {
        table: [
            dict(row._mapping)
            for row in session.execute(select(table.__table__))
            if row.case_id in signed
        ]
        for table in tables
    }
    copies = -(-wanted // len(signed)) - 1
    stored = list(session.scalars(select(SignedRow).order_by(SignedRow.case_id, SignedRow.version)))
    for table in tables:
        if table is PairRow:
            for copy in range(copies):
                for row in stored:
                    _sign_copy(session, row, copy)
        fresh = [_copy(row, copy) for copy in range(copies) for row in rows[table]]
        for start in range(0, len(fresh), _AT_ONCE):
            session.execute(insert(table), fresh[start : start + _AT_ONCE])
    return len(signed) * (copies + 1)


def _sign_copy(session: Session, row: SignedRow, copy: int) -> None:
    """Sign the same report under the id of a copied case."""
    signed = codec.signed_from_json(row.content)
    case_id = f"{row.case_id[:48]}-{copy}"
    report = replace(signed.report, case_id=case_id)
    signed = sign.sealed(replace(signed, case_id=case_id, report=report))
    fresh = SignedRow(
        case_id=case_id,
        version=row.version,
        content=codec.signed_to_json(signed),
        content_sha=signed.content_sha,
        signed_at=row.signed_at,
    )
    session.add(fresh)
    signature_chain.append(session, fresh)


def _copy(row: dict[str, object], copy: int) -> dict[str, object]:
    fresh = {key: value for key, value in row.items() if key != "draft_id"}
    for key in ("case_id", "pair_id", "content_sha"):
        if key in fresh:
            fresh[key] = f"{str(fresh[key])[:48]}-{copy}"
    return fresh


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
