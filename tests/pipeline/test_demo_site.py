from __future__ import annotations

import pytest

from radraft.pipeline import demo_accounts, demo_site
from radraft.pipeline.audit_trail import AuditTrail
from radraft.pipeline.report_templates import ReportTemplates
from radraft.reports.template_rules import OpenFields, SiteTemplateRule
from radraft.store import templates
from radraft.store.database import Store
from tests.builders import person

SITE = "demo"


@pytest.fixture
def site_templates(store: Store) -> ReportTemplates:
    demo_accounts.add_all(store)
    return ReportTemplates(store, AuditTrail(store), site=SITE)


def rule(store: Store) -> tuple[int, SiteTemplateRule]:
    with store.read() as session:
        found = templates.rule_of_site(session, SITE)
    return found.number, found.rule


def test_reports_of_the_demo_begin_from_templates(
    store: Store, site_templates: ReportTemplates
) -> None:
    for _ in range(2):
        demo_site.begin_from_templates(store, SITE, site_templates)
        assert rule(store) == (1, SiteTemplateRule(begin_reports=True))


def test_what_somebody_set_is_left(store: Store, site_templates: ReportTemplates) -> None:
    own = SiteTemplateRule(OpenFields.WARN, begin_reports=False)
    site_templates.set_rule(SITE, own, base_number=templates.UNSET, by=person("管理员"))
    demo_site.begin_from_templates(store, SITE, site_templates)
    assert rule(store) == (1, own)


def test_without_the_demos_accounts_nothing_is_set(store: Store) -> None:
    site_templates = ReportTemplates(store, AuditTrail(store), site=SITE)
    demo_site.begin_from_templates(store, SITE, site_templates)
    assert rule(store) == (templates.UNSET, SiteTemplateRule())
