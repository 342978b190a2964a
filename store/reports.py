"""Working reports: every save is a revision, and no save overwrites another unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.core.errors import NotFound, ReportError
from radraft.reports import codec, editing, lifecycle, merging
from radraft.reports.editing import Confirming, Revision, WorkingReport
from radraft.reports.lifecycle import SIGNATURES, Move
from radraft.reports.people import Actor, Person, known_person
from radraft.reports.roles import Permission
from radraft.reports.skeleton import skeleton
from radraft.reports.values import (
    Amendment,
    AmendmentKind,
    Coverage,
    Lang,
    Report,
    ReportState,
    Sentence,
)
from radraft.store import drafts, faults, offered
from radraft.store.sql import HELD
from radraft.store.tables import CaseRow, DraftRow, ReportRow, ReportStepRow, RevisionRow

WRITER = frozenset({Permission.WRITE})
"""What whoever saves may do at least."""
_BEGIN_A_ROUND = tuple(move.value for move in (*SIGNATURES, Move.AMEND, Move.CANCEL))
"""Steps after which nobody has written yet."""
_AS_THEY_ARE: Mapping[str, frozenset[Lang]] = {}
"""Confirms nothing, and takes no confirmation back."""
UNBEGUN = 0
"""Revision of the empty report of a study that nobody drafted and nobody wrote on yet."""


@dataclass(frozen=True)
class SavedRevision:
    """One saved state of a report."""

    number: int
    report: Report
    editor: Person | None
    """None: as it was drafted."""
    saved_at: datetime


def current(session: Session, case_id: str) -> WorkingReport:
    """Return the working report; before its first draft or save an empty one, of revision 0.

    NotFound `case_not_found`.
    """
    row = session.get(ReportRow, case_id)
    if row is not None:
        return _working(session, row)
    case = session.get(CaseRow, case_id)
    if case is None:
        raise NotFound("case_not_found", case_id=case_id)
    return WorkingReport(
        case_id=case_id,
        report=skeleton(case_id),
        revision=UNBEGUN,
        state=ReportState.DRAFTED,
        editor=None,
        saved_at=case.received_at,
        base_version=0,
    )


def save(
    session: Session,
    case_id: str,
    report: Report,
    *,
    base_revision: int,
    editor: Person,
    permissions: frozenset[Permission] = WRITER,
    merge: bool = False,
    under_way: Report | None = None,
    confirmed: Mapping[str, frozenset[Lang]] = _AS_THEY_ARE,
) -> WorkingReport:
    """Keep `report`, which was edited from revision `base_revision`, as the next revision.

    Content equal to the current revision's changes nothing and is never a conflict, so a client
    that did not hear the answer may send again. What each sentence may claim: `editing.edited`.
    A report that was edited from the empty one (revision 0) stands as a person's own: a draft that
    came meanwhile, which nobody touched, is offered beside it (`drafts.offered`).
    `merge`: where the editor himself saved since, in another page, and changed nothing of the same,
    both are kept (`merging.merged`).
    `under_way`: what the same page sent before from the same revision, without hearing what became
    of it. Where that is the current revision, `report` follows it.
    `confirmed`: which texts the editor confirms (`codec.SentReport`).
    The first who changes anything is its author until another takes it over.
    RevisionConflict; ReportError `report_is_signed`, `report_under_review`, and those of
    `editing.edited`.
    """
    empty = report == skeleton(case_id)
    if empty and base_revision == UNBEGUN and session.get(ReportRow, case_id) is None:
        # A row was added and nothing typed: that begins nothing.
        return current(session, case_id)
    row = _row(session, case_id)
    before = _working(session, row)
    state = lifecycle.moved(
        before.state, Move.EDIT, by=editor, author=before.author, permissions=permissions
    )
    claims = _Claims(session, case_id, report, Confirming(confirmed, editor, datetime.now(UTC)))
    after = claims.edited(before, report)
    if after == before.report:
        return before
    if under_way is not None and _arrived(row, before, under_way, base_revision, editor):
        base_revision = before.revision
    if base_revision == UNBEGUN and row.state == ReportState.DRAFTED:
        row.draft_id = _unaided(session, row)
    elif base_revision != before.revision:
        both = _merged(session, before, report, base_revision, claims, merge=merge)
        after = claims.edited(before, both, confirmed=editing.confirmed_texts(both))
        if after == before.report:
            return before
    row.state = state.value
    _written_by(row, lifecycle.author_after(Move.EDIT, by=editor, author=before.author))
    return revise(session, row, after, editor)


class _Claims:
    """What the sentences of a report that was sent can claim."""

    def __init__(
        self, session: Session, case_id: str, report: Report, confirming: Confirming
    ) -> None:
        known = (drafts.basis(session, case_id), drafts.offered(session, case_id))
        self.confirming = confirming
        self._drafted: tuple[Sentence, ...] = tuple(
            sentence for stored in known if stored for sentence in stored.draft.report.sentences
        )
        self._offered = offered.of_report(session, codec.validated(report))

    def edited(
        self,
        before: WorkingReport,
        report: Report,
        *,
        confirmed: Mapping[str, frozenset[Lang]] | None = None,
    ) -> Report:
        """Return what `editing.edited` makes of `report`; `confirmed`: in place of what was
        sent."""
        confirming = self.confirming
        if confirmed is not None:
            confirming = replace(confirming, languages=confirmed)
        return editing.edited(
            before, report, drafted=self._drafted, offered=self._offered, confirming=confirming
        )


def _arrived(
    row: ReportRow, now: WorkingReport, sent: Report, base_revision: int, editor: Person
) -> bool:
    """Return whether the current revision is what its editor sent from `base_revision`."""
    # The first save begins the report (1) and is its next revision (2).
    its_next = now.revision == max(base_revision, UNBEGUN + 1) + 1
    his = (row.editor, row.editor_account) == (editor.name, editor.id)
    return its_next and his and _words(now.report) == _words(sent)


def _words(report: Report) -> list[list[tuple[str, str]]]:
    sections = (report.findings, report.impression)
    return [[(sentence.zh, sentence.en) for sentence in section] for section in sections]


def revise(session: Session, row: ReportRow, report: Report, editor: Person) -> WorkingReport:
    """Keep `report` as the next revision of a report that is held (`locked`)."""
    row.revision += 1
    row.editor, row.editor_account = editor.name, editor.id
    row.saved_at = datetime.now(UTC)
    session.add(
        RevisionRow(
            case_id=row.case_id,
            revision=row.revision,
            content=codec.report_to_json(report),
            editor=editor.name,
            editor_account=editor.id,
            saved_at=row.saved_at,
        )
    )
    session.flush()
    return _working(session, row)


def take_step(
    session: Session,
    row: ReportRow,
    before: WorkingReport,
    move: Move,
    *,
    by: Person,
    after: ReportState,
    now: datetime,
    remark: str = "",
    amendment: Amendment | None = None,
) -> WorkingReport:
    """Bring a report that is held (`locked`) to the state `after`, and write down who did it.

    Whether he may was asked before (`lifecycle.moved`). `amendment`: why it is reopened.
    """
    row.state = after.value
    row.steps += 1
    row.submitted_at = now if move is Move.SUBMIT else None
    _written_by(row, lifecycle.author_after(move, by=by, author=before.author))
    if move is Move.AMEND or after is ReportState.SIGNED:
        row.amendment = None if amendment is None else amendment.kind.value
        row.amendment_reason = None if amendment is None else amendment.reason
    session.add(
        ReportStepRow(
            case_id=row.case_id,
            number=row.steps,
            move=move.value,
            before=before.state.value,
            after=after.value,
            by=by.name,
            by_account=by.id,
            at=now,
            revision=row.revision,
            remark=remark,
        )
    )
    session.flush()
    return _working(session, row)


def locked(session: Session, case_id: str) -> tuple[ReportRow, WorkingReport]:
    """Return the working report, held until the transaction ends."""
    row = _row(session, case_id)
    return row, _working(session, row)


def require_step(now: WorkingReport, base_step: int | None) -> None:
    """Raise ReportError `step_taken_meanwhile` unless `base_step` is the number of its newest step;
    None asks nothing."""
    if base_step is not None and base_step != now.steps:
        raise ReportError("step_taken_meanwhile")


def editable(session: Session, case_id: str, actor: Actor) -> WorkingReport:
    """Return the working report where `actor` may write in it as it stands; ReportError as a save
    by him would raise it, NotFound `case_not_found`."""
    working = current(session, case_id)
    lifecycle.moved(
        working.state,
        Move.EDIT,
        by=actor.who,
        author=working.author,
        permissions=actor.permissions,
    )
    return working


def require_revision(session: Session, now: WorkingReport, base_revision: int) -> None:
    """Raise RevisionConflict unless `base_revision` is current; `revision_unknown` if it never
    was."""
    if base_revision != now.revision:
        raise editing.conflict(now, base_revision, _since(session, now, base_revision))


def history(session: Session, case_id: str) -> tuple[SavedRevision, ...]:
    """Return every saved state of a report, first to newest."""
    rows = session.scalars(
        select(RevisionRow).where(RevisionRow.case_id == case_id).order_by(RevisionRow.revision)
    )
    with faults.decoding("report_revisions", case_id):
        return tuple(
            SavedRevision(
                row.revision, codec.stored_report(row.content), _editor(row), row.saved_at
            )
            for row in rows
        )


def at_revision(session: Session, case_id: str, revision: int) -> Report | None:
    """Return a report as it was saved once; None where there is no such revision."""
    row = session.get(RevisionRow, (case_id, revision))
    if row is None:
        return None
    with faults.decoding("report_revisions", case_id):
        return codec.stored_report(row.content)


def _row(session: Session, case_id: str) -> ReportRow:
    """Return the report's row, held until the transaction ends; begun here where there is none."""
    # The case before its report, as everybody does: an insert below asks for the case's key, and of
    # two that begin at once, or of one and a draft that comes, the second waits here.
    if session.get(CaseRow, case_id, with_for_update=HELD, populate_existing=True) is None:
        raise NotFound("case_not_found", case_id=case_id)
    row = session.get(ReportRow, case_id, with_for_update=True, populate_existing=True)
    return _begun(session, case_id) if row is None else row


def _begun(session: Session, case_id: str) -> ReportRow:
    now = datetime.now(UTC)
    row = ReportRow(
        case_id=case_id,
        draft_id=drafts.begin_without(session, case_id),
        revision=1,
        state=ReportState.DRAFTED.value,
        editor=None,
        saved_at=now,
        base_version=0,
        steps=0,
    )
    empty = codec.report_to_json(skeleton(case_id))
    session.add(row)
    session.add(RevisionRow(case_id=case_id, revision=1, content=empty, editor=None, saved_at=now))
    session.flush()
    return row


def _unaided(session: Session, row: ReportRow) -> int:
    """Return the number of the draft that says that a person began from nothing."""
    began = session.get_one(DraftRow, row.draft_id)
    if began.coverage != Coverage.DRAFTED.value:
        return row.draft_id
    return drafts.begin_without(session, row.case_id)


def _working(session: Session, row: ReportRow) -> WorkingReport:
    with faults.decoding("report_revisions", row.case_id):
        revision = session.get_one(RevisionRow, (row.case_id, row.revision))
        return WorkingReport(
            case_id=row.case_id,
            report=codec.stored_report(revision.content),
            revision=row.revision,
            state=ReportState(row.state),
            editor=_editor(row),
            saved_at=row.saved_at,
            base_version=row.base_version,
            author=None if row.author is None else known_person(row.author, row.author_account),
            writers=_writers(session, row),
            submitted_at=row.submitted_at,
            steps=row.steps,
            amendment=_amendment(row),
        )


def _writers(session: Session, row: ReportRow) -> tuple[Person, ...]:
    """Return who saved a change since the report was signed last, or drafted."""
    if row.editor is None:
        return ()
    begun = session.scalar(
        select(func.max(ReportStepRow.revision)).where(
            ReportStepRow.case_id == row.case_id,
            ReportStepRow.move.in_(_BEGIN_A_ROUND),
        )
    )
    editors = session.execute(
        select(RevisionRow.editor, RevisionRow.editor_account)
        .where(
            RevisionRow.case_id == row.case_id,
            RevisionRow.revision > (begun or UNBEGUN),
            RevisionRow.editor.is_not(None),
        )
        .order_by(RevisionRow.revision)
    )
    people = (known_person(name, account) for name, account in editors if name is not None)
    return tuple(dict.fromkeys(people))


def _amendment(row: ReportRow) -> Amendment | None:
    if row.amendment is None:
        return None
    return Amendment(AmendmentKind(row.amendment), row.amendment_reason or "")


def _merged(
    session: Session,
    now: WorkingReport,
    report: Report,
    base_revision: int,
    claims: _Claims,
    *,
    merge: bool,
) -> Report:
    """Return `report` together with what its editor saved since in other pages. RevisionConflict
    where somebody else saved, where both changed the same, or where it is not wanted."""
    revisions = _since(session, now, base_revision)
    editor = claims.confirming.by
    both = None
    if merge and editing.own_saves(revisions, editor):
        base = revisions[0].report
        mine = claims.edited(replace(now, report=base), report)
        both = merging.merged(base, mine, now.report)
    if both is None:
        raise editing.conflict(now, base_revision, revisions, editor)
    return both


def _since(session: Session, now: WorkingReport, base_revision: int) -> tuple[Revision, ...]:
    """Return the saves from an earlier revision on; ReportError `revision_unknown`."""
    if not UNBEGUN <= base_revision < now.revision:
        raise ReportError("revision_unknown", revision=base_revision)
    revisions = _revisions(session, now.case_id, base_revision)
    if base_revision == UNBEGUN:
        revisions = (Revision(skeleton(now.case_id), None), *revisions)
    return revisions


def _revisions(session: Session, case_id: str, first: int) -> tuple[Revision, ...]:
    rows = session.scalars(
        select(RevisionRow)
        .where(RevisionRow.case_id == case_id, RevisionRow.revision >= first)
        .order_by(RevisionRow.revision)
    )
    with faults.decoding("report_revisions", case_id):
        return tuple(Revision(codec.stored_report(row.content), _editor(row)) for row in rows)


def _written_by(row: ReportRow, author: Person | None) -> None:
    row.author, row.author_account = (None, None) if author is None else (author.name, author.id)


def _editor(row: ReportRow | RevisionRow) -> Person | None:
    return None if row.editor is None else known_person(row.editor, row.editor_account)
