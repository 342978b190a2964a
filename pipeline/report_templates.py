"""Templates and phrases in the service: which one an examination has, a report merged into it, and
what a site's administrator does with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.reports.assertion import is_grey
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.checks.values import StudyFacts
from radraft.reports.codec import SentReport
from radraft.reports.offered import OfferedText
from radraft.reports.people import Person
from radraft.reports.phrases import Phrase, offered_phrases
from radraft.reports.report_templates import ReportTemplate, fitting, template_to_yaml
from radraft.reports.skeleton import skeleton
from radraft.reports.template_import import read_template, to_mrrt
from radraft.reports.template_merge import Merge, merge
from radraft.reports.template_rules import NO_TEMPLATE, SiteTemplateRule, TemplateRules
from radraft.reports.values import Confirmation, Origin, Report, Sentence
from radraft.store import audit, cases, language_rules, offered, sites, templates
from radraft.store.templates import OF_SITE, SetTemplateRule, SiteTemplate

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.pipeline.audit_trail import AuditTrail
    from radraft.reports.draft import Draft
    from radraft.reports.people import Actor
    from radraft.store.database import Store

_SEXES = frozenset({"M", "F"})
FORMS = {"yaml": "application/yaml", "html": "text/html"}
"""How a template is exported, with the media type of each form."""


@dataclass(frozen=True)
class SiteTemplates:
    """What one site has of templates."""

    rule: SetTemplateRule
    templates: tuple[SiteTemplate, ...]


@dataclass(frozen=True)
class MergedReport:
    """A report merged into a template."""

    template: ReportTemplate
    others: tuple[ReportTemplate, ...]
    """Other templates that fit the examination, the most specific first."""
    merge: Merge


class ReportTemplates:
    """The templates and phrases of a store's sites. Thread-safe."""

    def __init__(self, store: Store, trail: AuditTrail, *, site: str) -> None:
        """`site`: the one that studies are of where nothing else is said."""
        self._store = store
        self._trail = trail
        self._site = site

    def merged(
        self, case_id: str, sent: SentReport, *, actor: Actor, template_id: str = ""
    ) -> MergedReport:
        """Return what a page sent merged into the examination's template, or into the one named.
        Nothing of the report is saved; its new lines are kept as offered to the case.

        NotFound `case_not_found`, `template_none`, `template_unknown`.
        """
        now = datetime.now(UTC)
        report = _as_sent(sent, actor.who, now)
        with self._store.begin() as session:
            study = examination(session, case_id)
            known = fitting(
                study, templates.enabled(session, cases.get_case(session, case_id).site)
            )
            chosen = [found for found in known if template_id in ("", found.id)]
            if not chosen:
                raise NotFound("template_unknown" if template_id else "template_none")
            found = merge(report, chosen[0], study, langs=study.language_rule.languages)
            _offer(session, case_id, found.report, now)
        others = tuple(template for template in known if template is not chosen[0])
        return MergedReport(chosen[0], others, found)

    def begun(self, case_id: str) -> Report | None:
        """Return the lines that the empty report of a case without a draft begins with, which are
        kept as offered to it; None where its site begins reports without.

        NotFound `case_not_found`.
        """
        with self._store.begin() as session:
            report = begun_report(session, skeleton(case_id))
            if report is not None:
                _offer(session, case_id, report, datetime.now(UTC))
            return report

    def phrases(self, case_id: str, owner: str) -> tuple[Phrase, ...]:
        """Return what may be offered to an account in the report of a case. NotFound
        `case_not_found`."""
        with self._store.read() as session:
            site = cases.get_case(session, case_id).site
            own = templates.phrases(session, OF_SITE, owner)
            of_site = templates.phrases(session, site)
            return offered_phrases(own, of_site, examination(session, case_id))

    def own_phrases(self, owner: str) -> tuple[Phrase, ...]:
        """Return an account's own phrases: the same at every site."""
        with self._store.read() as session:
            return templates.phrases(session, OF_SITE, owner)

    def keep_phrase(self, phrase: Phrase, *, owner: str, by: Person) -> None:
        """Keep a phrase of an account. Errors as `store.templates.keep_phrase`."""
        now = datetime.now(UTC)
        with self._store.begin() as session:
            templates.keep_phrase(session, OF_SITE, phrase, owner=owner, by=by, now=now)

    def drop_phrase(self, letters: str, *, owner: str, by: Person) -> None:
        """Take a phrase of an account away. NotFound `phrase_unknown`."""
        now = datetime.now(UTC)
        with self._store.begin() as session:
            templates.drop_phrase(session, OF_SITE, letters, owner=owner, by=by, now=now)

    def site_phrases(self, site: str) -> tuple[Phrase, ...]:
        """Return the phrases of a site. NotFound `site_unknown`."""
        with self._store.read() as session:
            self._require_site(session, site)
            return templates.phrases(session, site)

    def keep_site_phrase(self, site: str, phrase: Phrase, *, by: Person, address: str = "") -> None:
        """Keep a phrase of a site. NotFound `site_unknown`; errors as
        `store.templates.keep_phrase`."""
        event = self._event(site, by, address, phrase=phrase.letters)
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_site(session, site)
            templates.keep_phrase(session, site, phrase, owner=OF_SITE, by=by, now=event.at)
            audit.append(session, event)

    def drop_site_phrase(self, site: str, letters: str, *, by: Person, address: str = "") -> None:
        """Take a phrase of a site away. NotFound `site_unknown`, `phrase_unknown`."""
        event = self._event(site, by, address, phrase=letters, change="dropped")
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_site(session, site)
            templates.drop_phrase(session, site, letters, owner=OF_SITE, by=by, now=event.at)
            audit.append(session, event)

    def overview(self, named: frozenset[str] | None) -> tuple[SiteTemplates, ...]:
        """Return what each site that is known has of templates, by its name: those among `named`;
        None: all."""
        with self._store.read() as session:
            known = sites.known(session) | {self._site}
            wanted = sorted(known if named is None else known & named)
            return tuple(
                SiteTemplates(
                    templates.rule_of_site(session, site), templates.of_site(session, site)
                )
                for site in wanted
            )

    def template(self, site: str, template_id: str) -> SiteTemplate:
        """Return one template of a site. NotFound `site_unknown`, `template_unknown`."""
        with self._store.read() as session:
            self._require_site(session, site)
            return templates.of_id(session, site, template_id)

    def exported(self, site: str, template_id: str, form: str) -> str:
        """Return the file of a template, in one of `FORMS`. NotFound as `template`."""
        found = self.template(site, template_id).template
        return to_mrrt(found) if form == "html" else template_to_yaml(found)

    def import_file(
        self, site: str, content: bytes, name: str, *, by: Person, address: str = ""
    ) -> SiteTemplate:
        """Keep the template in a file as the site's own. One that does not say for which
        examinations it is, and would be for all, is not used until it is switched on.

        ReportError as `template_import.read_template`, `store.templates.keep`; NotFound
        `site_unknown`.
        """
        event = self._event(site, by, address, change="imported")
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_site(session, site)
            imported = read_template(content, name)
            kept = templates.keep(session, site, imported.template, by=by, now=event.at)
            if not imported.is_limited:
                kept = templates.switch(
                    session, site, kept.template.id, on=False, by=by, now=event.at
                )
            said = {"template": kept.template.id, "content_sha": kept.template.content_sha}
            audit.append(session, replace(event, details={**event.details, **said}))
            return kept

    def switch(
        self, site: str, template_id: str, *, on: bool, by: Person, address: str = ""
    ) -> SiteTemplate:
        """Use a template at a site from now on, or do not. NotFound as `template`."""
        change = "enabled" if on else "disabled"
        event = self._event(site, by, address, template=template_id, change=change)
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_site(session, site)
            switched = templates.switch(session, site, template_id, on=on, by=by, now=event.at)
            audit.append(session, event)
            return switched

    def set_rule(
        self,
        site: str,
        rule: SiteTemplateRule,
        *,
        base_number: int,
        by: Person,
        address: str = "",
    ) -> SetTemplateRule:
        """Make `rule` how a site works with templates.

        ReportError `rule_changed_meanwhile`; NotFound `site_unknown`.
        """
        event = self._event(
            site,
            by,
            address,
            template_rule=str(base_number + 1),
            open_fields=rule.open_fields.value,
            begin_reports="yes" if rule.begin_reports else "no",
        )
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_site(session, site)
            changed = templates.set_rule(
                session, site, rule, base_number=base_number, by=by, now=event.at
            )
            audit.append(session, event)
            return changed

    def _require_site(self, session: Session, site: str) -> None:
        if site != self._site and site not in sites.known(session):
            raise NotFound("site_unknown", site=site)

    def _event(self, site: str, by: Person, address: str, **said: str) -> AuditEvent:
        who = AuditActor(by.name, by.id, address)
        details: Mapping[str, str] = said
        return AuditEvent(
            AuditKind.CONFIGURATION, datetime.now(UTC), who, site=site, details=details
        )


def examination(session: Session, case_id: str) -> StudyFacts:
    """Return what a template is chosen by. NotFound `case_not_found`."""
    case = cases.get_case(session, case_id)
    age_years, _ = cases.age_and_date(session, case_id)
    return StudyFacts(
        modality=case.modality,
        body_part=case.body_part,
        sex=case.sex if case.sex in _SEXES else "",
        age_years=None if age_years is None else float(age_years),
        language_rule=language_rules.of_site(session, case.site).rule,
    )


def template_rules(session: Session, case_id: str) -> TemplateRules:
    """Return the template that a report is held against, and what its site asks of open fields.
    NotFound `case_not_found`."""
    site = cases.get_case(session, case_id).site
    known = fitting(examination(session, case_id), templates.enabled(session, site))
    rule = templates.rule_of_site(session, site).rule
    return replace(NO_TEMPLATE, template=known[0] if known else None, open_fields=rule.open_fields)


def begun_report(session: Session, report: Report) -> Report | None:
    """Return a draft's report, or an empty one, merged into the examination's template; None where
    its site begins reports without, or has none for it."""
    site = cases.get_case(session, report.case_id).site
    if not templates.rule_of_site(session, site).rule.begin_reports:
        return None
    study = examination(session, report.case_id)
    known = fitting(study, templates.enabled(session, site))
    if not known:
        return None
    return merge(report, known[0], study, langs=study.language_rule.languages).report


def begun_draft(session: Session, draft: Draft, now: datetime) -> Report | None:
    """Return what the report of a draft begins as, where that is not the draft itself; its lines
    are kept as offered to the case."""
    report = begun_report(session, draft.report)
    if report is not None:
        _offer(session, draft.case_id, report, now)
    return report


def _offer(session: Session, case_id: str, report: Report, now: datetime) -> None:
    offered.add(
        session,
        [
            OfferedText(
                case_id,
                sentence.id,
                wording.lang,
                wording.text,
                Origin.TEMPLATE,
                f"template:{sentence.template_field.template_id}"[:128],
                sentence.template_field,
            )
            for sentence in report.sentences
            for wording in sentence.wordings
            if is_grey(wording) and sentence.template_field is not None
        ],
        now,
    )


def _as_sent(sent: SentReport, person: Person, now: datetime) -> Report:
    """Return a page's report with its person's word on what he confirms."""

    def confirmed(sentence: Sentence) -> Sentence:
        langs = sent.confirmed.get(sentence.id, frozenset())
        wordings = (
            replace(w, confirmed=Confirmation(person, now)) if w.lang in langs else w
            for w in sentence.wordings
        )
        return replace(sentence, wordings=tuple(wordings))

    report = sent.report
    return replace(
        report,
        findings=tuple(map(confirmed, report.findings)),
        impression=tuple(map(confirmed, report.impression)),
    )
