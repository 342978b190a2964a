"""Drafts as the model gave them, each with what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound
from radraft.reports import codec
from radraft.reports.assertion import in_languages
from radraft.reports.draft import Draft, StoredDraft
from radraft.reports.lifecycle import STEPS, Move
from radraft.reports.skeleton import skeleton
from radraft.reports.values import Coverage, Report, ReportState
from radraft.store import faults, language_rules, leases
from radraft.store.cases import CaseState
from radraft.store.leases import Owner
from radraft.store.sql import HELD, chunks
from radraft.store.tables import CaseRow, DraftRow, ReportRow, RevisionRow

STATE_AFTER = {
    Coverage.DRAFTED: CaseState.DRAFTED,
    Coverage.NOT_COVERED: CaseState.NOT_COVERED,
    Coverage.FAILED: CaseState.FAILED,
}


@dataclass(frozen=True)
class SiteDraft:
    """A draft, where it was made and when."""

    site: str
    created_at: datetime
    draft: Draft


def save_draft(
    session: Session,
    draft: Draft,
    *,
    request_json: str | None,
    encoder_id: str | None,
    image_ids: tuple[str, ...],
    owner: Owner | None = None,
    begin_as: Report | None = None,
) -> None:
    """Keep `draft`, settle its case, and open the working report from it, or as `begin_as`.

    `owner` is who holds the case's lease, which ends with this; None for a case that nobody
    claimed.

    A working report is replaced (as its next revision) only while nobody has edited it, and never
    by an empty skeleton where there was a draft. It opens in its site's languages. NotFound
    `case_not_found`; ReportError `report_invalid`; LeaseLost, and then nothing is kept; ValueError
    when `request_json` does not have the hash the draft names.
    """
    row = _row(draft, request_json, encoder_id, image_ids)
    # Locked in one order everywhere, case before report, so that two drafts of a case queue.
    case = session.get(CaseRow, draft.case_id, with_for_update=HELD)
    if case is None:
        raise NotFound("case_not_found", case_id=draft.case_id)
    leases.settle(session, draft.case_id, owner)
    session.add(row)
    case.state = STATE_AFTER[draft.coverage].value
    session.flush()
    languages = language_rules.of_site(session, case.site).rule.languages
    _open_report(session, draft, row, in_languages(begin_as or draft.report, languages))


def keep_for_archived(
    session: Session,
    draft: Draft,
    *,
    request_json: str | None,
    encoder_id: str | None,
    image_ids: tuple[str, ...],
) -> bool:
    """Keep the draft of a past study that stays one: no report is opened, nothing else changes.

    False, and nothing kept, where the study is none any more, or has a draft or a report. NotFound,
    ReportError and ValueError as `save_draft`.
    """
    row = _row(draft, request_json, encoder_id, image_ids)
    if not may_be_kept(session, draft.case_id, lock=True):
        return False
    session.add(row)
    session.flush()
    return True


def may_be_kept(session: Session, case_id: str, *, lock: bool = False) -> bool:
    """Whether a study is a past one without draft and report; with `lock` it stays so until the
    transaction ends. NotFound `case_not_found`."""
    held = HELD if lock else None
    case = session.get(CaseRow, case_id, with_for_update=held, populate_existing=lock)
    if case is None:
        raise NotFound("case_not_found", case_id=case_id)
    if case.state != CaseState.ARCHIVED.value:
        return False
    drafted = select(DraftRow.draft_id).where(DraftRow.case_id == case_id).limit(1)
    return session.scalar(drafted) is None and session.get(ReportRow, case_id) is None


def latest(session: Session, case_id: str) -> StoredDraft | None:
    """Return the newest draft; None while nothing came of drafting yet."""
    row = session.scalar(_newest_first(case_id).limit(1))
    return None if row is None else _stored(row)


def first_draft_wait(session: Session, case_id: str) -> float | None:
    """Return the seconds from a case's arrival until its first draft that did not fail; None where
    it has none, or more than one."""
    drafted = session.execute(
        select(CaseRow.received_at, DraftRow.created_at)
        .join(DraftRow, DraftRow.case_id == CaseRow.case_id)
        .where(CaseRow.case_id == case_id, DraftRow.coverage != Coverage.FAILED.value)
        .limit(2)
    ).all()
    if len(drafted) != 1:
        return None
    received_at, created_at = drafted[0]
    return float((created_at - received_at).total_seconds())


def offered(session: Session, case_id: str) -> StoredDraft | None:
    """Return the model's newest draft where the working report did not begin as it: it came too
    late, and stands beside what a person wrote."""
    row = session.scalar(_newest_first(case_id).limit(1))
    if row is None or row.coverage != Coverage.DRAFTED.value:
        return None
    began = session.scalar(select(ReportRow.draft_id).where(ReportRow.case_id == case_id))
    return None if began == row.draft_id else _stored(row)


def source(session: Session, case_id: str) -> StoredDraft | None:
    """Return the draft that the model's sentences in the working report are from: the one it began
    as, or where a person began it, the one that was offered beside it."""
    began = basis(session, case_id)
    if began is not None and began.draft.coverage is Coverage.DRAFTED:
        return began
    return offered(session, case_id) or began


def begin_without(session: Session, case_id: str) -> int:
    """Record that a person begins the report of `case_id` from nothing; its number as a draft."""
    draft = Draft(
        case_id=case_id,
        report=skeleton(case_id),
        coverage=Coverage.NOT_DRAFTED,
        model_id="",
        adapter_id=None,
        request_sha=None,
        usage=None,
        error_code="report_begun_first",
    )
    row = DraftRow(
        case_id=case_id,
        coverage=draft.coverage.value,
        content=codec.draft_to_json(draft),
        request_json=None,
        encoder_id=None,
        image_ids=(),
        created_at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    return row.draft_id


def basis(session: Session, case_id: str) -> StoredDraft | None:
    """The draft the working report began as; older than `latest` when a redraft came too late."""
    row = session.scalar(
        select(DraftRow)
        .join(ReportRow, ReportRow.draft_id == DraftRow.draft_id)
        .where(ReportRow.case_id == case_id)
    )
    return None if row is None else _stored(row)


def draft_ids(session: Session) -> tuple[int, ...]:
    """Return the numbers of all drafts."""
    return tuple(session.scalars(select(DraftRow.draft_id)))


def site_drafts(session: Session, ids: Iterable[int]) -> Iterator[tuple[int, SiteDraft]]:
    """Yield the drafts of those numbers, in no order."""
    for chunk in chunks(ids):
        rows = session.execute(
            select(DraftRow.draft_id, DraftRow.content, DraftRow.created_at, CaseRow.site)
            .join(CaseRow, CaseRow.case_id == DraftRow.case_id)
            .where(DraftRow.draft_id.in_(chunk))
        )
        for draft_id, content, created_at, site in rows:
            yield draft_id, SiteDraft(site, created_at, codec.draft_from_json(content))


def _row(
    draft: Draft, request_json: str | None, encoder_id: str | None, image_ids: tuple[str, ...]
) -> DraftRow:
    if request_json is not None and _sha(request_json) != draft.request_sha:
        raise ValueError("request_json does not have the draft's request_sha")
    codec.validated(draft.report)
    return DraftRow(
        case_id=draft.case_id,
        coverage=draft.coverage.value,
        content=codec.draft_to_json(draft),
        request_json=request_json,
        encoder_id=encoder_id,
        image_ids=image_ids,
        created_at=datetime.now(UTC),
    )


def _newest_first(case_id: str) -> Select[DraftRow]:
    return (
        select(DraftRow)
        .where(DraftRow.case_id == case_id, DraftRow.coverage != Coverage.NOT_DRAFTED.value)
        .order_by(DraftRow.draft_id.desc())
    )


def _open_report(session: Session, draft: Draft, row: DraftRow, opened: Report) -> None:
    report = session.get(ReportRow, draft.case_id, with_for_update=True)
    if report is None:
        report = ReportRow(
            case_id=draft.case_id,
            draft_id=row.draft_id,
            revision=0,
            state=ReportState.DRAFTED.value,
            editor=None,
            saved_at=row.created_at,
            base_version=0,
            steps=0,
        )
        session.add(report)
    elif report.state != ReportState.DRAFTED or not _better(session, draft, report):
        return
    report.draft_id = row.draft_id
    report.revision += 1
    report.state = STEPS[ReportState.DRAFTED, Move.REDRAFT].after.value
    report.saved_at = row.created_at
    session.add(
        RevisionRow(
            case_id=draft.case_id,
            revision=report.revision,
            content=codec.report_to_json(opened),
            editor=None,
            saved_at=row.created_at,
        )
    )
    session.flush()


def _better(session: Session, draft: Draft, report: ReportRow) -> bool:
    if draft.coverage is Coverage.DRAFTED:
        return True
    return session.get_one(DraftRow, report.draft_id).coverage != Coverage.DRAFTED.value


def _stored(row: DraftRow) -> StoredDraft:
    with faults.decoding("drafts", row.case_id):
        return StoredDraft(
            draft=codec.draft_from_json(row.content),
            request_json=row.request_json,
            encoder_id=row.encoder_id,
            image_ids=row.image_ids,
            created_at=row.created_at,
        )


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
