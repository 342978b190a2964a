"""Each site's rule of how long its images are kept: told, and changed with its event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.retention import parse
from radraft.store import audit, retention_rules, sites

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from radraft.pipeline.audit_trail import AuditTrail
    from radraft.reports.retention import RetentionRule
    from radraft.store.database import Store
    from radraft.store.retention_rules import SetRetentionRule


class RetentionRules:
    """What sites say of their images. Thread-safe; `radraft retention --apply` does it."""

    def __init__(self, store: Store, trail: AuditTrail, *, site: str) -> None:
        """`site`: the one that studies are of where nothing else is said."""
        self._store = store
        self._trail = trail
        self._site = site

    def rules(self, named: frozenset[str] | None) -> tuple[SetRetentionRule, ...]:
        """Return the rule of each site that is known, by its name: those among `named`; None:
        all."""
        with self._store.read() as session:
            known = sites.known(session) | {self._site}
            wanted = sorted(known if named is None else known & named)
            return tuple(retention_rules.or_damaged(session, site) for site in wanted)

    def set_rule(
        self, site: str, written: Sequence[str], *, base_number: int, by: AuditActor
    ) -> SetRetentionRule:
        """Make what is `written` the rule of a site; without a term everything is kept.

        RetentionError as `reports.retention.parse`; ReportError `rule_changed_meanwhile` where
        `base_number` is not the number of the one that held; NotFound `site_unknown`.
        """
        now = datetime.now(UTC)
        asked = {"retention_rule": str(base_number + 1)}
        event = AuditEvent(AuditKind.CONFIGURATION, now, by, site=site, details=asked)
        with self._trail.refusals(event), self._store.begin() as session:
            if site != self._site and site not in sites.known(session):
                raise NotFound("site_unknown", site=site)
            return change(session, site, parse(written), by=by, now=now, base_number=base_number)


def change(
    session: Session,
    site: str,
    rule: RetentionRule,
    *,
    by: AuditActor,
    now: datetime,
    base_number: int | None = None,
) -> SetRetentionRule:
    """Make `rule` what holds at a site, and note it in the audit. ReportError as
    `store.retention_rules.change`."""
    changed = retention_rules.change(
        session, site, rule, by=by.name, now=now, base_number=base_number
    )
    terms = {f"term_{number}": str(term) for number, term in enumerate(rule.terms, start=1)}
    details = {"retention_rule": str(changed.number), **terms}
    event = AuditEvent(AuditKind.CONFIGURATION, now, by, site=site, details=details)
    audit.append(session, event)
    return changed
