"""What each site asks of a signature. A changed rule is a new row; the newest counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.core.errors import ReportError, StorageDamaged
from radraft.reports.people import Person, known_person
from radraft.reports.signature_rule import ONE_IS_ENOUGH, STRICTEST, SignatureRule
from radraft.store import faults
from radraft.store.sql import insert_new
from radraft.store.tables import SignatureRuleRow

UNSET = 0
"""Number of the rule of a site at which nobody set any."""


@dataclass(frozen=True)
class SetRule:
    """A site's rule as somebody set it."""

    site: str
    rule: SignatureRule
    number: int
    """1 for a site's first; `UNSET` where nobody set any."""
    by: Person | None
    at: datetime | None
    damaged: bool = False
    """What is stored cannot be read: nobody signs, and `rule` is the strictest."""


def of_site(session: Session, site: str) -> SetRule:
    """Return the rule that holds at a site. StorageDamaged."""
    newest = _read(session, site, newest_alone=True)
    return newest[0] if newest else SetRule(site, ONE_IS_ENOUGH, UNSET, None, None)


def or_damaged(session: Session, site: str) -> SetRule:
    """Return the rule that holds at a site; where it cannot be read, that it is damaged."""
    try:
        return of_site(session, site)
    except StorageDamaged:
        return SetRule(site, STRICTEST, _newest(session, site), None, None, damaged=True)


def history(session: Session, site: str) -> tuple[SetRule, ...]:
    """Return every rule that held at a site, newest first."""
    return _read(session, site, newest_alone=False)


def change(
    session: Session,
    site: str,
    rule: SignatureRule,
    *,
    base_number: int,
    by: Person,
    now: datetime,
) -> SetRule:
    """Make `rule` what holds at a site from now on.

    ReportError `rule_changed_meanwhile` where `base_number` is not the number of the one that held:
    of two who change it at once one does. The one that held may be damaged.
    """
    if _newest(session, site) != base_number or not insert_new(
        session,
        SignatureRuleRow,
        site=site,
        number=base_number + 1,
        **asdict(rule),
        by=by.name,
        by_account=by.id,
        at=now,
    ):
        raise ReportError("rule_changed_meanwhile")
    return of_site(session, site)


def _newest(session: Session, site: str) -> int:
    """Return the number of the rule that holds, whatever it says."""
    wanted = select(func.max(SignatureRuleRow.number)).where(SignatureRuleRow.site == site)
    return session.scalar(wanted) or UNSET


def _read(session: Session, site: str, *, newest_alone: bool) -> tuple[SetRule, ...]:
    wanted = (
        select(SignatureRuleRow)
        .where(SignatureRuleRow.site == site)
        .order_by(SignatureRuleRow.number.desc())
    )
    rows = session.scalars(wanted.limit(1) if newest_alone else wanted)
    with faults.decoding("signature_rules", site):
        return tuple(
            SetRule(
                site=row.site,
                rule=SignatureRule(
                    two_signatures=row.two_signatures,
                    attending_alone=row.attending_alone,
                    emergency_alone=row.emergency_alone,
                    reauthenticate=row.reauthenticate,
                ),
                number=row.number,
                by=known_person(row.by, row.by_account),
                at=row.at,
            )
            for row in rows
        )
