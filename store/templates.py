"""Templates and phrases of each site. What changes is a new row; the newest of its kind counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Subquery, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from radraft.core.errors import NotFound, ReportError
from radraft.reports.people import Person, known_person
from radraft.reports.phrases import MAX_PHRASES, Phrase, phrase_from_json
from radraft.reports.report_templates import (
    ReportTemplate,
    ready_templates,
    template_from_json,
    template_to_json,
)
from radraft.reports.template_rules import AS_MADE, OpenFields, SiteTemplateRule
from radraft.store import faults
from radraft.store.sql import insert_new, storable
from radraft.store.tables import PhraseRow, ReportTemplateRow, TemplateRuleRow

UNSET = 0
"""Number of what nobody at the site said anything of."""
MAX_TEMPLATES = 500
"""Templates of one site's own."""
OF_SITE = ""
"""Whose the phrases of a whole site are."""


@dataclass(frozen=True)
class SiteTemplate:
    """A template at a site."""

    template: ReportTemplate
    own: bool
    """Whether it is the site's; False for one that comes with radraft."""
    enabled: bool
    number: int
    """1 for the first that somebody said of it; `UNSET` where nobody did."""
    by: Person | None
    at: datetime | None


@dataclass(frozen=True)
class SetTemplateRule:
    """How a site works with templates, as somebody set it."""

    site: str
    rule: SiteTemplateRule
    number: int
    by: Person | None
    at: datetime | None


def of_site(session: Session, site: str) -> tuple[SiteTemplate, ...]:
    """Return all templates of a site: its own, then those that come with radraft and that it has
    none of its own in place of; each by id."""
    rows = _newest_templates(session, site)
    own: list[SiteTemplate] = []
    ready = {template.id: SiteTemplate(template, False, True, UNSET, None, None)
             for template in ready_templates()}  # fmt: skip
    with faults.decoding("report_templates", site):
        for row in rows:
            by = known_person(row.by, row.by_account)
            if row.content is not None:
                template = template_from_json(row.content)
                own.append(SiteTemplate(template, True, row.enabled, row.number, by, row.at))
                ready.pop(row.template_id, None)
            elif row.template_id in ready:
                template = ready[row.template_id].template
                ready[row.template_id] = SiteTemplate(
                    template, False, row.enabled, row.number, by, row.at
                )
    return (*own, *(ready[template_id] for template_id in sorted(ready)))


def of_id(session: Session, site: str, template_id: str) -> SiteTemplate:
    """Return one template of a site. NotFound `template_unknown`."""
    for known in of_site(session, site):
        if known.template.id == template_id:
            return known
    raise NotFound("template_unknown")


def enabled(session: Session, site: str) -> tuple[ReportTemplate, ...]:
    """Return the templates that a site uses, its own first."""
    return tuple(known.template for known in of_site(session, site) if known.enabled)


def keep(
    session: Session, site: str, template: ReportTemplate, *, by: Person, now: datetime
) -> SiteTemplate:
    """Keep `template` as a site's own, in place of what it had under this id.

    ReportError `templates_too_many`, `template_changed_meanwhile`.
    """
    known = [row.template_id for row in _newest_templates(session, site)]
    if template.id not in known and len(known) >= MAX_TEMPLATES:
        raise ReportError("templates_too_many", most=MAX_TEMPLATES)
    _add_template(session, site, template.id, template_to_json(template), True, by, now)
    return of_id(session, site, template.id)


def switch(
    session: Session, site: str, template_id: str, *, on: bool, by: Person, now: datetime
) -> SiteTemplate:
    """Use a template at a site from now on, or do not. NotFound `template_unknown`; ReportError
    `template_changed_meanwhile`."""
    known = of_id(session, site, template_id)
    content = template_to_json(known.template) if known.own else None
    _add_template(session, site, template_id, content, on, by, now)
    return of_id(session, site, template_id)


def rule_of_site(session: Session, site: str) -> SetTemplateRule:
    """Return how a site works with templates."""
    row = session.scalar(
        select(TemplateRuleRow)
        .where(TemplateRuleRow.site == storable(site))
        .order_by(TemplateRuleRow.number.desc())
        .limit(1)
    )
    if row is None:
        return SetTemplateRule(site, AS_MADE, UNSET, None, None)
    with faults.decoding("template_rules", site):
        rule = SiteTemplateRule(OpenFields(row.open_fields), row.begin_reports)
        return SetTemplateRule(site, rule, row.number, known_person(row.by, row.by_account), row.at)


def set_rule(
    session: Session,
    site: str,
    rule: SiteTemplateRule,
    *,
    base_number: int,
    by: Person,
    now: datetime,
) -> SetTemplateRule:
    """Make `rule` how a site works with templates from now on.

    ReportError `rule_changed_meanwhile` where `base_number` is not that of the one that held.
    """
    if rule_of_site(session, site).number != base_number or not insert_new(
        session,
        TemplateRuleRow,
        site=storable(site),
        number=base_number + 1,
        open_fields=rule.open_fields.value,
        begin_reports=rule.begin_reports,
        by=by.name,
        by_account=by.id,
        at=now,
    ):
        raise ReportError("rule_changed_meanwhile")
    return rule_of_site(session, site)


def phrases(session: Session, site: str, owner: str = OF_SITE) -> tuple[Phrase, ...]:
    """Return the phrases of a site, or those that an account (`owner`) has there, by letters."""
    newest = _newest(PhraseRow.number, PhraseRow.site, PhraseRow.owner, PhraseRow.letters)
    rows = session.scalars(
        select(PhraseRow)
        .join(
            newest,
            (PhraseRow.site == newest.c.site)
            & (PhraseRow.owner == newest.c.owner)
            & (PhraseRow.letters == newest.c.letters)
            & (PhraseRow.number == newest.c.number),
        )
        .where(PhraseRow.site == storable(site), PhraseRow.owner == owner)
        .order_by(PhraseRow.letters)
    )
    with faults.decoding("phrases", site):
        return tuple(phrase_from_json(row.content) for row in rows if row.content is not None)


def keep_phrase(
    session: Session, site: str, phrase: Phrase, *, owner: str, by: Person, now: datetime
) -> None:
    """Keep a phrase of a site, or of an account (`owner`), in place of what its letters stood for.

    ReportError `phrases_too_many`, `template_changed_meanwhile`.
    """
    known = [kept.letters for kept in phrases(session, site, owner)]
    if phrase.letters not in known and len(known) >= MAX_PHRASES:
        raise ReportError("phrases_too_many", most=MAX_PHRASES)
    content = phrase.model_dump_json()
    _add_phrase(session, site, owner, phrase.letters, content, by, now)


def drop_phrase(
    session: Session, site: str, letters: str, *, owner: str, by: Person, now: datetime
) -> None:
    """Take a phrase away. NotFound `phrase_unknown`; ReportError `template_changed_meanwhile`."""
    if letters not in {kept.letters for kept in phrases(session, site, owner)}:
        raise NotFound("phrase_unknown")
    _add_phrase(session, site, owner, letters, None, by, now)


def _newest_templates(session: Session, site: str) -> list[ReportTemplateRow]:
    newest = _newest(
        ReportTemplateRow.number, ReportTemplateRow.site, ReportTemplateRow.template_id
    )
    rows = session.scalars(
        select(ReportTemplateRow)
        .join(
            newest,
            (ReportTemplateRow.site == newest.c.site)
            & (ReportTemplateRow.template_id == newest.c.template_id)
            & (ReportTemplateRow.number == newest.c.number),
        )
        .where(ReportTemplateRow.site == storable(site))
        .order_by(ReportTemplateRow.template_id)
    )
    return list(rows)


def _newest(number: InstrumentedAttribute[int], *key: InstrumentedAttribute[str]) -> Subquery:
    """Return the newest number of each key."""
    return select(*key, func.max(number).label("number")).group_by(*key).subquery()


def _add_template(
    session: Session,
    site: str,
    template_id: str,
    content: str | None,
    on: bool,
    by: Person,
    now: datetime,
) -> None:
    last = session.scalar(
        select(func.max(ReportTemplateRow.number)).where(
            ReportTemplateRow.site == storable(site), ReportTemplateRow.template_id == template_id
        )
    )
    if not insert_new(
        session,
        ReportTemplateRow,
        site=storable(site),
        template_id=template_id,
        number=(last or UNSET) + 1,
        content=content,
        enabled=on,
        by=by.name,
        by_account=by.id,
        at=now,
    ):
        raise ReportError("template_changed_meanwhile")


def _add_phrase(
    session: Session,
    site: str,
    owner: str,
    letters: str,
    content: str | None,
    by: Person,
    now: datetime,
) -> None:
    last = session.scalar(
        select(func.max(PhraseRow.number)).where(
            PhraseRow.site == storable(site),
            PhraseRow.owner == owner,
            PhraseRow.letters == letters,
        )
    )
    if not insert_new(
        session,
        PhraseRow,
        site=storable(site),
        owner=owner,
        letters=letters,
        number=(last or UNSET) + 1,
        content=content,
        by=by.name,
        by_account=by.id,
        at=now,
    ):
        raise ReportError("template_changed_meanwhile")
