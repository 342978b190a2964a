"""Signed versions: written once, never changed, and verified whenever they are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.core.errors import ReportError
from radraft.prompts.build import gave_priors
from radraft.reports import codec, lifecycle
from radraft.reports.assertion import confirmed_languages, in_languages
from radraft.reports.checks.run import UNKNOWN
from radraft.reports.checks.values import StudyFacts
from radraft.reports.draft import StoredDraft
from radraft.reports.editing import WorkingReport
from radraft.reports.people import Person
from radraft.reports.roles import Permission
from radraft.reports.sign import ONE_SIGNATURE, SigningTerms, signed_by, signed_version, utc
from radraft.reports.template_rules import NO_TEMPLATE, TemplateRules
from radraft.reports.values import Report, ReportState, SignedReport
from radraft.store import drafts, signature_chain, worklist_entries
from radraft.store.reports import UNBEGUN, locked, require_revision, require_step, take_step
from radraft.store.signature_chain import Fault, Link, fault_of, key_of, link_of
from radraft.store.tables import ReportRow, SignatureLinkRow, SignedRow

SIGNER = frozenset({Permission.WRITE, Permission.SIGN})
"""What whoever signs may do at least."""


def sign(
    session: Session,
    case_id: str,
    *,
    base_revision: int,
    signer: Person,
    permissions: frozenset[Permission] = SIGNER,
    terms: SigningTerms = ONE_SIGNATURE,
    study: StudyFacts = UNKNOWN,
    now: datetime,
) -> SignedReport:
    """Sign the report as it stands at `base_revision`, in the caller's transaction.

    What was submitted is signed by `signer` as its reviewer, with the author's name; anything else
    by him alone, where the rule lets him.
    As `reports.sign.signed_version`, with the checks over exactly what is signed and `study`; also
    ReportError as `lifecycle.moved`, `signature_rule.alone_manner` and `step_taken_meanwhile`,
    `signature_broken` where an earlier version does not hold, and RevisionConflict when somebody
    saved in between.
    """
    return sign_with_basis(
        session,
        case_id,
        base_revision=base_revision,
        signer=signer,
        permissions=permissions,
        terms=terms,
        study=study,
        now=now,
    )[0]


def sign_with_basis(
    session: Session,
    case_id: str,
    *,
    base_revision: int,
    signer: Person,
    permissions: frozenset[Permission] = SIGNER,
    terms: SigningTerms = ONE_SIGNATURE,
    study: StudyFacts = UNKNOWN,
    rules: TemplateRules = NO_TEMPLATE,
    now: datetime,
) -> tuple[SignedReport, StoredDraft | None]:
    """As `sign`; also the draft that the report began as, for its training pair."""
    now = utc(now)
    row, current = locked(session, case_id)
    require_step(current, terms.base_step)
    move = lifecycle.signature(current.state)
    state = lifecycle.moved(
        current.state, move, by=signer, author=current.author, permissions=permissions
    )
    author, reviewer, signing = signed_by(current, signer, terms)
    untouched = current.editor is None and not current.report.sentences
    if not (base_revision == UNBEGUN and untouched):
        require_revision(session, current, base_revision)
    basis = drafts.basis(session, case_id)
    source = drafts.source(session, case_id)
    before = versions(session, case_id)
    signed = signed_version(
        current,
        before=before[-1] if before else None,
        draft=None if basis is None else basis.draft,
        source=None if source is None else source.draft,
        prior_given=source is not None and gave_priors(source.request_json),
        study=study,
        shown=study.language_rule.languages,
        rules=rules,
        author=author,
        reviewer=reviewer,
        signing=signing,
        now=now,
    )
    stored = SignedRow(
        case_id=case_id,
        version=signed.version,
        content=codec.signed_to_json(signed),
        content_sha=signed.content_sha,
        signed_at=signed.signed_at,
    )
    session.add(stored)
    signature_chain.append(session, stored)
    row.base_version = signed.version
    take_step(session, row, current, move, by=signer, after=state, now=now, remark=signing.reason)
    worklist_entries.sign(session, case_id, signed.author, signed.reviewer)
    return signed, basis


@dataclass(frozen=True)
class BrokenSignature:
    """A signed version that is not what was signed, or is gone."""

    case_id: str
    version: int
    fault: Fault

    def error(self) -> ReportError:
        """Return what reading it raises: ReportError `signature_broken`."""
        return ReportError("signature_broken", case_id=self.case_id, version=self.version)


@dataclass(frozen=True)
class SignedVersions:
    """A case's signed versions, first to newest."""

    held: tuple[SignedReport, ...]
    """Those that are what was signed."""
    broken: tuple[BrokenSignature, ...]

    @property
    def warning(self) -> tuple[str, str] | None:
        """Return in zh and en that one does not hold and must not be relied upon; None where all
        do."""
        if not self.broken:
            return None
        error = self.broken[0].error()
        return error.message_zh, error.message_en

    def intact(self) -> tuple[SignedReport, ...]:
        """Return all of them. ReportError `signature_broken` where one does not hold."""
        if self.broken:
            raise self.broken[0].error()
        return self.held


def versions(session: Session, case_id: str) -> tuple[SignedReport, ...]:
    """Return all signed versions, first to newest; empty while nothing is signed.

    ReportError `signature_broken` where one is not what was signed.
    """
    return read(session, case_id).intact()


def read(session: Session, case_id: str) -> SignedVersions:
    """Return what holds of a case's signed versions, and which do not."""
    rows = {
        row.version: row
        for row in session.scalars(select(SignedRow).where(SignedRow.case_id == case_id))
    }
    links = {
        row.version: link_of(row)
        for row in session.scalars(
            select(SignatureLinkRow).where(SignatureLinkRow.case_id == case_id)
        )
    }
    there = sorted({*rows, *links})
    signed = session.scalar(select(ReportRow.base_version).where(ReportRow.case_id == case_id))
    # In a database that was tampered with, numbers may be any: the first one missing is enough.
    first_missing = next(number for number in count(1) if number not in there)
    last = max((*there, signed or 0), default=0)
    wanted = {number for number in (first_missing, last) if number <= last} - {0, *there}
    held: list[SignedReport] = []
    broken = [BrokenSignature(case_id, version, Fault.MISSING) for version in sorted(wanted)]
    for version in there:
        found = _checked(case_id, version, rows.get(version), links.get(version), key_of(session))
        if isinstance(found, BrokenSignature):
            broken.append(found)
        else:
            held.append(found)
    return SignedVersions(tuple(held), tuple(broken))


def of_page(session: Session, case_id: str, working: WorkingReport | None) -> SignedVersions:
    """Return `read`, and the newest version as broken where the working report of a signed case is
    another: that is what people see, and what an amendment begins with."""
    found = read(session, case_id)
    if working is None or working.state is not ReportState.SIGNED or found.broken:
        return found
    newest = found.held[-1] if found.held else None
    if newest is not None and is_of(newest, working.report):
        return found
    version = newest.version if newest else 1
    other = BrokenSignature(case_id, version, Fault.WORKING if newest else Fault.MISSING)
    return SignedVersions(found.held[:-1], (other,))


def is_of(signed: SignedReport, report: Report) -> bool:
    """Return whether `report` is what was signed. Beside it may stand what was not shown: text in a
    language that the signature does not confirm."""
    return signed.report in (report, in_languages(report, confirmed_languages(signed)))


def gone(session: Session, case_ids: Collection[str] | None = None) -> dict[str, int]:
    """Return the cases, all or of `case_ids`, of which the chain knows a version that is not there,
    and that version."""
    wanted = (
        select(SignatureLinkRow.case_id, SignatureLinkRow.version)
        .outerjoin(
            SignedRow,
            (SignedRow.case_id == SignatureLinkRow.case_id)
            & (SignedRow.version == SignatureLinkRow.version),
        )
        .where(SignedRow.case_id.is_(None))
    )
    if case_ids is not None:
        wanted = wanted.where(SignatureLinkRow.case_id.in_(case_ids))
    return {row[0]: row[1] for row in session.execute(wanted)}


def checked(
    session: Session,
    case_id: str,
    version: int,
    signed: SignedRow | None,
    link: SignatureLinkRow | None,
    *,
    gone: Mapping[str, int],
) -> SignedReport | BrokenSignature:
    """Return a signed version from its rows, or what does not hold of it or its case (`gone`)."""
    if case_id in gone:
        return BrokenSignature(case_id, gone[case_id], Fault.MISSING)
    known = None if link is None else link_of(link)
    return _checked(case_id, version, signed, known, key_of(session))


def _checked(
    case_id: str, version: int, signed: SignedRow | None, link: Link | None, key: bytes
) -> SignedReport | BrokenSignature:
    if signed is None:
        return BrokenSignature(case_id, version, Fault.MISSING)
    fault = fault_of(signed, link, key)
    if fault is not None:
        return BrokenSignature(case_id, version, fault)
    try:
        return codec.signed_from_json(signed.content)
    except ReportError as error:
        if error.code != "stored_form_invalid":
            raise
        return BrokenSignature(case_id, version, Fault.CONTENT)


def contents(session: Session, case_id: str) -> tuple[str, ...]:
    """Return all signed versions as they are stored, for `reports.sign.verify`."""
    rows = session.scalars(
        select(SignedRow.content).where(SignedRow.case_id == case_id).order_by(SignedRow.version)
    )
    return tuple(rows)


def newest_versions(session: Session) -> dict[str, int]:
    """Return the number of the newest signed version of each signed case."""
    rows = session.execute(
        select(SignedRow.case_id, func.max(SignedRow.version)).group_by(SignedRow.case_id)
    )
    return {row[0]: row[1] for row in rows}
