"""How the demo's site works: reports begin from the examination's template."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from radraft.core.errors import ReportError
from radraft.pipeline.demo_accounts import login_of
from radraft.reports.roles import Role
from radraft.reports.template_rules import SiteTemplateRule
from radraft.store import accounts, templates

if TYPE_CHECKING:
    from radraft.pipeline.report_templates import ReportTemplates
    from radraft.store.database import Store


def begin_from_templates(store: Store, site: str, site_templates: ReportTemplates) -> None:
    """Make every report of the demo's site begin from its template, in lines that nobody confirmed
    yet; what somebody has set for the site is left. The demo's accounts have to be there."""
    with store.read() as session:
        unset = templates.rule_of_site(session, site).number == templates.UNSET
        administrator = accounts.by_login(session, login_of(Role.ADMINISTRATOR))
    if not unset or administrator is None:
        return
    # Another process may be setting it.
    with suppress(ReportError):
        site_templates.set_rule(
            site,
            SiteTemplateRule(begin_reports=True),
            base_number=templates.UNSET,
            by=administrator[0].person,
        )
