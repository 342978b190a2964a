"""What readers do with warnings, on the head's page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from radraft.pipeline.proofreading import DismissalLimit
from radraft.pipeline.service import Service
from radraft.reports.checks.values import Issue, Severity
from radraft.reports.dismissal import DismissalReason, standing_warnings
from radraft.store import dismissals
from radraft.ui.access import application
from radraft.ui.pages.site_quality.page import QualityPage
from radraft.ui.pages.sites import add_site_page
from tests.builders import actor, add_case, make_report
from tests.studies.quality.made import MONDAY, fill
from tests.ui.conftest import asking

pytestmark = pytest.mark.slow


@pytest.fixture
def quality_client(service: Service) -> Iterator[TestClient]:
    app = application(service)
    add_site_page(app, QualityPage(service.store, DismissalLimit(0.5, 2)), "site-a")
    with asking(app) as made:
        yield made


def warn(service: Service, number: int, code: str, *, dismissed: bool) -> str:
    """A case of the site with one warning; its site."""
    with service.store.begin() as session:
        report = make_report(add_case(session, 9000 + number))
        (warning,) = standing_warnings([Issue(code, Severity.WARN, "f1")], report, {})
        dismissals.note(session, report.case_id, [warning], since=MONDAY)
        if dismissed:
            dismissals.dismiss(
                session,
                report.case_id,
                warning,
                reason=DismissalReason.WRONG_WARNING,
                text="",
                actor=actor("林清"),
                now=MONDAY,
            )
        return dismissals.counts(session)[0].site


def test_a_check_that_readers_dismiss_too_often_is_named_above_everything(
    quality_client: TestClient, service: Service
) -> None:
    for number in (1, 2):
        site = warn(service, number, "side_mismatch", dismissed=True)
        warn(service, number + 2, "number_mismatch", dismissed=False)
    found = quality_client.get("/api/quality", params={"site": site, "lang": "en"}).json()
    said = "Readers dismissed 100% of the 2 warnings of side_mismatch (2 as wrong), more than this"
    assert said in " ".join(found["html"].split())
    assert found["html"].index("side_mismatch") < found["html"].index("number_mismatch")
    assert "warnings of number_mismatch" not in found["html"]
    assert "林清" not in found["html"]
    chinese = quality_client.get("/api/quality", params={"site": site, "lang": "zh"}).json()
    assert "side_mismatch 的 2 条提示中有 100% 被医师忽略" in chinese["html"]


def test_a_site_whose_reports_had_no_warning_has_no_such_table(
    quality_client: TestClient, service: Service
) -> None:
    with service.store.begin() as session:
        fill(session, weeks=2, a_week=8)
    found = quality_client.get("/api/quality", params={"site": "north"}).json()
    assert "Warnings of the checks" not in found["html"]


def test_a_new_dismissal_is_on_the_page_at_once(
    quality_client: TestClient, service: Service
) -> None:
    site = warn(service, 1, "side_mismatch", dismissed=True)
    first = quality_client.get("/api/quality", params={"site": site}).json()
    assert "Readers dismissed" not in first["html"]
    warn(service, 2, "side_mismatch", dismissed=True)
    again = quality_client.get("/api/quality", params={"site": site}).json()
    assert "Readers dismissed" in again["html"]
