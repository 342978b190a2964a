"""In which languages sites report, and which of two a reader writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound
from radraft.pipeline.audit_trail import AuditTrail
from radraft.reports.audit import AuditActor, AuditEvent, AuditKind
from radraft.reports.people import Person
from radraft.reports.site_languages import LanguageRule
from radraft.reports.values import Lang
from radraft.store import audit, language_rules, sites

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.store.database import Store
    from radraft.store.language_rules import SetLanguages


class SiteLanguages:
    """The languages of each site. Thread-safe."""

    def __init__(self, store: Store, trail: AuditTrail, *, site: str) -> None:
        """`site`: the one that studies are of where nothing else is said."""
        self._store = store
        self._trail = trail
        self._site = site

    def rules(self, named: frozenset[str] | None) -> tuple[SetLanguages, ...]:
        """Return the languages of each site that is known, by its name: those among `named`; None:
        all."""
        with self._store.read() as session:
            known = sites.known(session) | {self._site}
            wanted = sorted(known if named is None else known & named)
            return tuple(language_rules.of_site(session, site) for site in wanted)

    def set_rule(
        self, site: str, rule: LanguageRule, *, base_number: int, by: Person, address: str = ""
    ) -> SetLanguages:
        """Make `rule` what holds at a site from now on. ReportError `rule_changed_meanwhile`;
        NotFound `site_unknown`."""
        now = datetime.now(UTC)
        who = AuditActor(by.name, by.id, address)
        said = {"language_rule": str(base_number + 1)}
        event = AuditEvent(AuditKind.CONFIGURATION, now, who, site=site, details=said)
        with self._trail.refusals(event), self._store.begin() as session:
            self._require_site(session, site)
            before = language_rules.of_site(session, site).rule
            changed = language_rules.change(
                session, site, rule, base_number=base_number, by=by, now=now
            )
            said |= {
                "languages": f"{_named(before)}->{_named(rule)}",
                "missing_side": f"{before.missing_side.value}->{rule.missing_side.value}",
            }
            audit.append(session, replace(event, details=said))
            return changed

    def written_by(self, account_id: str) -> Lang | None:
        """Return the language that a person writes where a site reports in both; None where he
        never said."""
        with self._store.read() as session:
            return language_rules.written_by(session, account_id)

    def write_in(self, account_id: str, lang: Lang) -> None:
        """Keep that a person writes `lang` from now on."""
        with self._store.begin() as session:
            language_rules.write_in(session, account_id, lang)

    def _require_site(self, session: Session, site: str) -> None:
        if site != self._site and site not in sites.known(session):
            raise NotFound("site_unknown", site=site)


def _named(rule: LanguageRule) -> str:
    return ",".join(rule.languages)
