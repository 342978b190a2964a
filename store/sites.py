"""Whose site a thing is of: what a person may do with it is decided there."""

from __future__ import annotations

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from radraft.reports.roles import EVERY_SITE
from radraft.store.tables import (
    AlertRow,
    ArrivalRow,
    CaseRow,
    KeyImageRow,
    LanguageRuleRow,
    ReadingRulesRow,
    ReportTemplateRow,
    SignatureRuleRow,
    SignedRow,
    TemplateRuleRow,
)
from radraft.store.tables_accounts import MembershipRow

_HAS_SIGNED = select(SignedRow.version).where(SignedRow.case_id == CaseRow.case_id).exists()


def known(session: Session) -> frozenset[str]:
    """Return the sites that there are: those of which there are studies, people or rules."""
    wanted = union(
        select(CaseRow.site),
        select(MembershipRow.site),
        select(SignatureRuleRow.site),
        select(LanguageRuleRow.site),
        select(ReadingRulesRow.site),
        select(TemplateRuleRow.site),
        select(ReportTemplateRow.site),
    )
    return frozenset(session.scalars(wanted)) - {EVERY_SITE}


def of_case(session: Session, case_id: str) -> dict[str, bool]:
    """Return the site of a case, and whether a version of it was signed; nothing where there is no
    such case."""
    wanted = select(CaseRow.site, _HAS_SIGNED).where(CaseRow.case_id == case_id)
    return dict(session.execute(wanted).all())


def of_alert(session: Session, alert_id: str) -> frozenset[str]:
    """Return the site of an alert; none where there is no such alert."""
    return frozenset(session.scalars(select(AlertRow.site).where(AlertRow.alert_id == alert_id)))


def of_arrival(session: Session, arrival_id: int) -> frozenset[str]:
    """Return the site of an arrival; none where there is no such arrival."""
    return frozenset(
        session.scalars(select(ArrivalRow.site).where(ArrivalRow.arrival_id == arrival_id))
    )


def of_image(session: Session, image_id: str) -> dict[str, bool]:
    """Return the sites of all cases that have the key image, and whether a version of one of them
    there was signed."""
    wanted = select(CaseRow.site, _HAS_SIGNED).where(
        CaseRow.case_id == KeyImageRow.case_id, KeyImageRow.image_id == image_id
    )
    found: dict[str, bool] = {}
    for site, signed in session.execute(wanted.distinct()):
        found[site] = signed or found.get(site, False)
    return found
