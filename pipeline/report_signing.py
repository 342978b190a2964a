"""The way of a report to its signature: each step in one transaction, by somebody who is there."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, ReportError, SignInError
from radraft.pipeline.alerts import CriticalValues, signature_refusal
from radraft.pipeline.audit_trail import AuditTrail, case_event
from radraft.pipeline.proofreading import note_saved, note_standing
from radraft.pipeline.report_templates import template_rules
from radraft.pipeline.study_facts import study_facts
from radraft.reports import edits, lifecycle, training_pair
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.known_pairs import pairs_of
from radraft.reports.lifecycle import Move, checked_remark
from radraft.reports.people import Actor, Person, PersonKind
from radraft.reports.sign import ImagesSeen, SigningTerms
from radraft.reports.signature_rule import SignatureRule, may_sign_alone
from radraft.reports.values import AmendmentKind, ReportState, SignedReport
from radraft.store import (
    audit,
    cases,
    openings,
    pairs,
    rejections,
    report_steps,
    reports,
    sentence_pairs,
    sign_ins,
    signature_rules,
    signatures,
    sites,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.pipeline.outbox import Outbox
    from radraft.reports.editing import WorkingReport
    from radraft.store.database import Store
    from radraft.store.signature_rules import SetRule


class ReportSigning:
    """What people do with reports besides writing them. Thread-safe."""

    def __init__(
        self,
        store: Store,
        critical: CriticalValues,
        trail: AuditTrail,
        outbox: Outbox,
        *,
        site: str,
    ) -> None:
        """`site`: the one that studies are of where nothing else is said."""
        self._store = store
        self._site = site
        self._critical = critical
        self._trail = trail
        self._outbox = outbox

    def sign(
        self,
        case_id: str,
        *,
        base_revision: int,
        base_step: int,
        actor: Actor,
        reason: str = "",
        password_confirmed: bool = False,
        images_seen: ImagesSeen | None = None,
    ) -> SignedReport:
        """Freeze the report, write its training pair and queue it for its receivers, all or none.

        What was submitted bears its author's name and the actor's as its reviewer; anything else
        is signed by the actor alone, where his site's rule lets him; nobody signs where that rule
        is damaged (StorageDamaged). `base_revision`, `base_step`: what he saw. `reason`: of
        emergency duty. `images_seen`: for the audit; None where no page drew any.
        SignInError `sign_in_needed` where his session has ended, or there is none;
        `password_needed` where the rule asks for one. SignatureRefused where an issue of exactly
        this report blocks it (`reports.checks`). ReportError as `store.signatures.sign`, and
        `critical_not_notified` where it states a critical finding of which nobody was notified yet
        and the site does not let that wait; its alert is open all the same.
        """
        reason = checked_remark(Move.SIGN_ALONE, reason)
        edits.load_rules()
        with self._trail.refusals(case_event(AuditKind.SIGN, case_id, actor)):
            with self._store.begin() as session:
                # First: who waits for the case must not sign by a session or rule of before.
                cases.lock(session, case_id)
                _require_session(session, actor)
                site = cases.get_case(session, case_id).site
                rule = signature_rules.of_site(session, site).rule
                terms = SigningTerms(rule, reason, password_confirmed, base_step)
                refusal = self._critical_refusal(session, case_id, base_revision, actor)
                if refusal is None:
                    signed = _signed(session, case_id, base_revision, actor, terms)
                    said = _of_signature(signed, images_seen)
                    self._outbox.put_signed(session, signed, site)
                    audit.append(session, case_event(AuditKind.SIGN, case_id, actor, **said))
            if refusal is not None:
                raise refusal
        self._outbox.wake()
        return signed

    def take(
        self,
        case_id: str,
        move: Move,
        *,
        actor: Actor,
        base_step: int,
        base_revision: int | None = None,
        remark: str = "",
    ) -> WorkingReport:
        """Submit, withdraw, return or take over. Errors as `store.report_steps.take`.

        `base_step`, `base_revision`: what the actor saw. ValueError without a revision, of which
        only whoever takes his own submission back needs to know nothing.
        """
        if base_revision is None and move is not Move.WITHDRAW:
            raise ValueError(f"{move.value} is of a text that was seen")
        event = case_event(AuditKind.REVIEW, case_id, actor, step=move.value)
        with self._trail.refusals(event), self._store.begin() as session:
            working = report_steps.take(
                session,
                case_id,
                move,
                by=actor.who,
                permissions=actor.permissions,
                now=datetime.now(UTC),
                base_step=base_step,
                base_revision=base_revision,
                remark=remark,
            )
            if move is Move.SUBMIT:
                site = cases.get_case(session, case_id).site
                self._outbox.put_submitted(session, working, site)
            audit.append(session, event)
        self._outbox.wake()
        return working

    def amend(
        self,
        case_id: str,
        *,
        actor: Actor,
        base_step: int,
        reason: str,
        kind: AmendmentKind = AmendmentKind.AMENDMENT,
    ) -> WorkingReport:
        """Reopen a signed report as the working copy of its next version.

        ReportError `signature_broken` where it is not what was signed, and as
        `store.report_steps.amend`.
        """
        event = case_event(AuditKind.AMEND, case_id, actor, amends=kind.value)
        with self._trail.refusals(event), self._store.begin() as session:
            working = reports.current(session, case_id)
            signatures.of_page(session, case_id, working).intact()
            amended = report_steps.amend(
                session,
                case_id,
                editor=actor.who,
                reason=reason,
                kind=kind,
                permissions=actor.permissions,
                base_step=base_step,
                now=datetime.now(UTC),
            )
            revision = {"revision": str(amended.revision)}
            audit.append(session, replace(event, details={**event.details, **revision}))
            return amended

    def cancel(
        self, case_id: str, *, actor: Actor, base_step: int, base_revision: int
    ) -> WorkingReport:
        """Give an amendment up, and bring the case's warnings and alerts to what is signed.

        Errors as `store.report_steps.cancel`.
        """
        edits.load_rules()
        now = datetime.now(UTC)
        event = case_event(AuditKind.REVIEW, case_id, actor, step=Move.CANCEL.value)
        with self._trail.refusals(event), self._store.begin() as session:
            cases.lock(session, case_id)
            before = reports.current(session, case_id)
            after = report_steps.cancel(
                session,
                case_id,
                by=actor.who,
                permissions=actor.permissions,
                base_step=base_step,
                base_revision=base_revision,
                now=now,
            )
            note_saved(session, before, after)
            self._critical.report_saved(session, case_id, after.report, actor=actor, now=now)
            audit.append(session, event)
            return after

    def rule(self, site: str) -> SetRule:
        """Return what a site asks of a signature. NotFound `site_unknown`."""
        with self._store.read() as session:
            self._require_site(session, site)
            return signature_rules.or_damaged(session, site)

    def rules(self, named: frozenset[str] | None) -> tuple[SetRule, ...]:
        """Return what each site that is known asks of a signature, by its name: those among
        `named`; None: all."""
        with self._store.read() as session:
            known = sites.known(session) | {self._site}
            wanted = sorted(known if named is None else known & named)
            return tuple(signature_rules.or_damaged(session, site) for site in wanted)

    def set_rule(
        self, site: str, rule: SignatureRule, *, base_number: int, by: Person, address: str = ""
    ) -> SetRule:
        """Make `rule` what a site asks of a signature.

        ReportError `rule_changed_meanwhile`; NotFound `site_unknown` for one of which there is no
        study and no person.
        """
        now = datetime.now(UTC)
        who = AuditActor(by.name, by.id, address)
        said = {"signature_rule": str(base_number + 1)}
        event = AuditEvent(AuditKind.CONFIGURATION, now, who, site=site, details=said)
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_site(session, site)
            before = signature_rules.or_damaged(session, site)
            changed = signature_rules.change(
                session, site, rule, base_number=base_number, by=by, now=now
            )
            said |= _of_change(before, rule)
            audit.append(session, replace(event, details=said))
            return changed

    def _require_site(self, session: Session, site: str) -> None:
        if site != self._site and site not in sites.known(session):
            raise NotFound("site_unknown", site=site)

    def _critical_refusal(
        self, session: Session, case_id: str, base_revision: int, actor: Actor
    ) -> ReportError | None:
        """Bring the case's alerts to the report that is to be signed, and return what stands in
        the signature's way.

        The caller commits the alerts whether or not he signs: a refused signature may be the first
        that a person does with a draft.
        """
        _, working = reports.locked(session, case_id)
        if working.revision != base_revision or working.state is ReportState.SIGNED:
            # The signature itself says what is wrong.
            return None
        held = self._critical.report_saved(
            session, case_id, working.report, actor=actor, now=datetime.now(UTC)
        )
        return signature_refusal(held)


def _of_signature(signed: SignedReport, images_seen: ImagesSeen | None) -> dict[str, str]:
    """Return what the audit says of a signature: whose it is and how it was made, and no word."""
    assert signed.signing is not None
    people = {"author": signed.author, "reviewer": signed.reviewer}
    return {
        "version": str(signed.version),
        "manner": signed.signing.manner.value,
        "password": _said(signed.signing.password_confirmed),
        **({} if images_seen is None else {"images": images_seen.value}),
        **{part: who.id or "typed" for part, who in people.items() if who is not None},
    }


def _of_change(before: SetRule, after: SignatureRule) -> dict[str, str]:
    """Return what the audit says of a changed rule: each value as it was and as it is."""
    was = {
        name: "damaged" if before.damaged else _said(value)
        for name, value in asdict(before.rule).items()
    }
    return {name: f"{was[name]}->{_said(value)}" for name, value in asdict(after).items()}


def _said(value: bool) -> str:
    return "yes" if value else "no"


def open_moves(working: WorkingReport, actor: Actor, rule: SignatureRule) -> frozenset[Move]:
    """Return the steps that `actor` can take with a report now: what a page offers him."""
    moves = lifecycle.open_moves(
        working.state, by=actor.who, author=working.author, permissions=actor.permissions
    )
    own = lifecycle.wrote_alone(actor.who, author=working.author, writers=working.writers)
    refused = set() if may_sign_alone(rule, own=own) else {Move.SIGN_ALONE}
    return moves - refused - {Move.REDRAFT}


def _require_session(session: Session, actor: Actor) -> None:
    """Raise SignInError `sign_in_needed` unless a session of the actor's account is there now."""
    signed_in = actor.who.kind is PersonKind.ACCOUNT and actor.session_id is not None
    if not signed_in or not sign_ins.is_live(session, actor.session_id, actor.who.id):
        raise SignInError("sign_in_needed")


def _signed(
    session: Session, case_id: str, base_revision: int, actor: Actor, terms: SigningTerms
) -> SignedReport:
    # The case is locked: what is checked is what is signed.
    working = reports.current(session, case_id)
    signed, stored = signatures.sign_with_basis(
        session,
        case_id,
        base_revision=base_revision,
        signer=actor.who,
        permissions=actor.permissions,
        terms=terms,
        study=study_facts(session, case_id),
        rules=template_rules(session, case_id),
        now=datetime.now(UTC),
    )
    note_standing(session, working)
    case = cases.get_case(session, case_id)
    sentence_pairs.keep(session, case_id, case.site, pairs_of(signed))
    if stored is None:
        raise NotFound("case_not_found", case_id=case_id)
    opened = openings.last(session, case_id, actor.who, signed.signed_at)
    pair = training_pair.make_pair(
        stored,
        signed,
        site=case.site,
        patient_ref=case.patient_ref,
        seconds=None if opened is None else (signed.signed_at - opened).total_seconds(),
        rejections=rejections.of_case(session, case_id),
    )
    pairs.save_pair(session, pair)
    return signed
