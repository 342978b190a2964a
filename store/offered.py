"""Texts that radraft offered to reports: added to a case, read when its report is saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from radraft.core import canonical
from radraft.reports.codec import MAX_TEXT
from radraft.reports.offered import OfferedText, texts_of
from radraft.reports.values import Origin, Report, TemplateField, language
from radraft.store import faults
from radraft.store.sql import chunks, insert_all_new
from radraft.store.tables import OfferedTextRow


def add(session: Session, texts: Sequence[OfferedText], now: datetime) -> None:
    """Keep that `texts` are offered, each once; whoever offers them does it before the page has
    them. ValueError for one that no report can hold."""
    rows = {(text.case_id, canonical.sha256(text)): text for text in texts}
    if any(len(text.text) > MAX_TEXT for text in texts):
        raise ValueError("no sentence of a report is as long as that")
    if rows:
        insert_all_new(
            session,
            OfferedTextRow,
            [{**_values(text), "offer_key": key, "at": now} for (_, key), text in rows.items()],
        )


def of_report(session: Session, report: Report) -> tuple[OfferedText, ...]:
    """Return what was offered to the case of `report` and stands in it, first to newest."""
    found: list[OfferedTextRow] = []
    for texts in chunks(texts_of(report)):
        wanted = select(OfferedTextRow).where(
            OfferedTextRow.case_id == report.case_id, OfferedTextRow.text.in_(texts)
        )
        found += session.scalars(wanted)
    with faults.decoding("offered_texts", report.case_id):
        return tuple(map(_offered, sorted(found, key=lambda row: (row.at, row.offer_key))))


def _values(text: OfferedText) -> dict[str, str | None]:
    where = text.template_field
    return {
        "case_id": text.case_id,
        "sentence_id": text.sentence_id,
        "lang": text.lang,
        "text": text.text,
        "origin": text.origin.value,
        "source": text.source,
        "template_id": None if where is None else where.template_id,
        "template_path": None if where is None else where.path,
    }


def _offered(row: OfferedTextRow) -> OfferedText:
    where = None
    if row.template_id is not None and row.template_path is not None:
        where = TemplateField(row.template_id, row.template_path)
    return OfferedText(
        case_id=row.case_id,
        sentence_id=row.sentence_id,
        lang=language(row.lang),
        text=row.text,
        origin=Origin(row.origin),
        source=row.source,
        template_field=where,
    )
