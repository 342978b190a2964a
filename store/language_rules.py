"""In which languages each site reports, and which of two a person writes. A changed rule of a site
is a new row; the newest counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from radraft.core.errors import ReportError
from radraft.reports.people import Person, known_person
from radraft.reports.site_languages import BOTH_LANGUAGES, LanguageRule, MissingSide
from radraft.reports.values import Lang, language
from radraft.store import faults
from radraft.store.sql import insert_new
from radraft.store.tables import LanguageRuleRow, ReaderLanguageRow

UNSET = 0
"""Number of the rule of a site at which nobody set any."""


@dataclass(frozen=True)
class SetLanguages:
    """A site's rule as somebody set it."""

    site: str
    rule: LanguageRule
    number: int
    """1 for a site's first; `UNSET` where nobody set any."""
    by: Person | None
    at: datetime | None


def of_site(session: Session, site: str) -> SetLanguages:
    """Return the rule that holds at a site."""
    newest = _read(session, site, newest_alone=True)
    return newest[0] if newest else SetLanguages(site, BOTH_LANGUAGES, UNSET, None, None)


def history(session: Session, site: str) -> tuple[SetLanguages, ...]:
    """Return every rule that held at a site, newest first."""
    return _read(session, site, newest_alone=False)


def change(
    session: Session,
    site: str,
    rule: LanguageRule,
    *,
    base_number: int,
    by: Person,
    now: datetime,
) -> SetLanguages:
    """Make `rule` what holds at a site from now on.

    ReportError `rule_changed_meanwhile` where `base_number` is not the number of the one that held:
    of two who change it at once one does.
    """
    if of_site(session, site).number != base_number or not insert_new(
        session,
        LanguageRuleRow,
        site=site,
        number=base_number + 1,
        languages=",".join(rule.languages),
        missing_side=rule.missing_side.value,
        by=by.name,
        by_account=by.id,
        at=now,
    ):
        raise ReportError("rule_changed_meanwhile")
    return of_site(session, site)


def written_by(session: Session, account_id: str) -> Lang | None:
    """Return the language that a person writes where a site reports in both; None where he never
    said."""
    row = session.get(ReaderLanguageRow, account_id)
    if row is None:
        return None
    with faults.decoding("reader_languages", account_id):
        return language(row.lang)


def write_in(session: Session, account_id: str, lang: Lang) -> None:
    """Keep that a person writes `lang` from now on."""
    if insert_new(session, ReaderLanguageRow, account_id=account_id, lang=lang):
        return
    of_account = ReaderLanguageRow.account_id == account_id
    session.execute(update(ReaderLanguageRow).where(of_account).values(lang=lang))


def _read(session: Session, site: str, *, newest_alone: bool) -> tuple[SetLanguages, ...]:
    wanted = (
        select(LanguageRuleRow)
        .where(LanguageRuleRow.site == site)
        .order_by(LanguageRuleRow.number.desc())
    )
    rows = session.scalars(wanted.limit(1) if newest_alone else wanted)
    with faults.decoding("language_rules", site):
        return tuple(
            SetLanguages(
                site=row.site,
                rule=LanguageRule(
                    languages=tuple(map(language, row.languages.split(","))),
                    missing_side=MissingSide(row.missing_side),
                ),
                number=row.number,
                by=known_person(row.by, row.by_account),
                at=row.at,
            )
            for row in rows
        )
