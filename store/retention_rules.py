"""What each site keeps of its images. A changed rule is a new row; the newest counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from radraft.core.errors import ReportError, StorageDamaged
from radraft.reports.retention import RetentionRule, parse
from radraft.store import faults
from radraft.store.sql import insert_new, storable
from radraft.store.tables import RetentionRuleRow

UNSET = 0
"""Number of the rule of a site at which nobody set any: it keeps everything."""


@dataclass(frozen=True)
class SetRetentionRule:
    """A site's rule as somebody set it."""

    site: str
    rule: RetentionRule
    number: int
    """1 for a site's first; `UNSET` where nobody set any."""
    by: str
    at: datetime | None
    damaged: bool = False
    """What is stored cannot be read: everything is kept where it is."""


def of_site(session: Session, site: str) -> SetRetentionRule:
    """Return the rule that holds at a site. StorageDamaged."""
    row = session.scalar(
        select(RetentionRuleRow)
        .where(RetentionRuleRow.site == storable(site))
        .order_by(RetentionRuleRow.number.desc())
        .limit(1)
    )
    if row is None:
        return SetRetentionRule(site, RetentionRule(), UNSET, "", None)
    with faults.decoding("retention_rules", site):
        return SetRetentionRule(site, parse(row.terms), row.number, row.by, row.at)


def or_damaged(session: Session, site: str) -> SetRetentionRule:
    """Return the rule that holds at a site; where it cannot be read, that it is damaged."""
    try:
        return of_site(session, site)
    except StorageDamaged:
        number = _newest(session, site)
        return SetRetentionRule(site, RetentionRule(), number, "", None, damaged=True)


def sites(session: Session) -> tuple[str, ...]:
    """Return the sites at which somebody set a rule, in order."""
    wanted = select(RetentionRuleRow.site).distinct().order_by(RetentionRuleRow.site)
    return tuple(session.scalars(wanted))


def change(
    session: Session,
    site: str,
    rule: RetentionRule,
    *,
    by: str,
    now: datetime,
    base_number: int | None = None,
) -> SetRetentionRule:
    """Make `rule` what holds at a site from now on.

    ReportError `rule_changed_meanwhile` where `base_number` is given and not the number of the one
    that held: of two who change it at once one does. The one that held
    may be damaged.
    """
    terms: Sequence[str] = tuple(map(str, rule.terms))
    held = _newest(session, site)
    number = held + 1
    if base_number not in (None, held) or not insert_new(
        session,
        RetentionRuleRow,
        site=storable(site),
        number=number,
        terms=tuple(terms),
        by=storable(by),
        at=now,
    ):
        raise ReportError("rule_changed_meanwhile")
    return of_site(session, site)


def _newest(session: Session, site: str) -> int:
    """Return the number of the rule that holds, whatever it says."""
    rows = select(func.max(RetentionRuleRow.number)).where(RetentionRuleRow.site == storable(site))
    return session.scalar(rows) or UNSET
