"""Studies whose images a retention rule dropped, for tests of the pages."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from radraft.core.settings import Settings
from radraft.pipeline import retention
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.retention import parse
from radraft.reports.training_pair import make_pair
from radraft.store import audit, cases, drafts, retention_rules
from radraft.store.database import Store
from radraft.store.pairs import save_pair
from radraft.store.signatures import sign
from tests.backup_children import still
from tests.builders import make_draft, make_report, make_request_json, person
from tests.retention_site import KEPT

BY = AuditActor("管理员")


def sign_case(store: Store, case_id: str, *, trained: tuple[str, ...] = ()) -> None:
    """Draft a case that was taken in and sign it; where images are `trained` on, with a pair."""
    now = datetime.now(UTC)
    with store.begin() as session:
        shown = trained or tuple(image.image_id for image in cases.key_images(session, case_id))
        request = make_request_json(case_id, shown)
        sha = hashlib.sha256(request.encode()).hexdigest()
        drafts.save_draft(
            session,
            make_draft(case_id, make_report(case_id), request_sha=sha),
            request_json=request,
            encoder_id=None,
            image_ids=shown,
        )
        signed = sign(session, case_id, base_revision=1, signer=person("王医生"), now=now)
        if trained:
            stored = drafts.basis(session, case_id)
            assert stored is not None
            save_pair(session, make_pair(stored, signed, site="test", patient_ref=KEPT))
        event = AuditEvent(
            AuditKind.SIGN, now, AuditActor("王医生"), case_id=case_id, details={"version": "1"}
        )
        audit.append(session, event)


def drop(store: Store, settings: Settings, case_id: str) -> datetime:
    """Have the rule of the case's site drop its images, in so many years; when that is."""
    now = datetime.now(UTC) + timedelta(days=4000)
    with store.begin() as session:
        site = cases.get_case(session, case_id).site
        rule = parse(["*: drop after 3650 days"])
        retention_rules.change(session, site, rule, by=BY.name, now=datetime.now(UTC))
        audit.append(session, AuditEvent(AuditKind.START, now, AuditActor("radraft")))
    retention.apply(store, settings, BY, now, still)
    return now
