"""Warnings over the life of a report: counted from its draft to its signature."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from radraft.core.errors import NotFound, ReportError
from radraft.core.settings import Settings
from radraft.llm.profiles import load_profile
from radraft.pipeline.proofreading import DismissalLimit, check_counts
from radraft.pipeline.service import Service
from radraft.reports.dismissal import DismissalReason, StandingWarning
from radraft.reports.sign import SignatureRefused
from radraft.reports.values import Report
from radraft.store import cases, late_images
from radraft.store.database import Store
from radraft.store.dismissals import SHOWN, CheckCount
from radraft.store.tables import CaseRow, ReportRow
from tests import builders

ALONE = "左肺见结节影。"
BOTH = (ALONE, "A nodule in the left lung.")


@pytest.fixture
def service(sqlite_store: Store, tmp_path: Path) -> Service:
    return Service(sqlite_store, Settings(data_dir=tmp_path / "data"), load_profile("starter"))


def drafted(service: Service, number: int = 1) -> str:
    """Take a study in whose draft lacks the English of its first sentence, a while ago."""
    with service.store.begin() as session:
        case_id = builders.add_case(session, number)
        report = builders.make_report(case_id)
        first, *others = report.findings
        first = first.reworded(zh=ALONE, en="")
        report = replace(report, findings=(first, *others))
        builders.save_draft(session, builders.make_draft(case_id, report))
        row = session.get_one(ReportRow, case_id)
        row.saved_at -= SHOWN + timedelta(seconds=1)
    return case_id


def counts(service: Service) -> dict[str, tuple[int, int, int, int]]:
    return {
        count.code: (count.found, count.mended, count.dismissed, count.left)
        for count in check_counts(service.store)
    }


def warning(service: Service, case_id: str, code: str = "language_missing") -> StandingWarning:
    return next(w for w in service.case_view(case_id).standing if w.issue.code == code)


def reworded(report: Report, zh: str, en: str) -> Report:
    first, *others = report.findings
    return replace(report, findings=(first.reworded(zh=zh, en=en), *others))


def save(service: Service, case_id: str, zh: str, en: str) -> None:
    working = service.case_view(case_id).working
    service.save(
        case_id,
        reworded(working.report, zh, en),
        base_revision=working.revision,
        actor=builders.actor("林清"),
    )


def test_a_warning_of_the_draft_that_a_reader_mends_is_counted_as_mended(service: Service) -> None:
    case_id = drafted(service)
    assert counts(service) == {}
    save(service, case_id, *BOTH)
    assert counts(service)["language_missing"] == (1, 1, 0, 0)


def test_a_warning_that_is_signed_unmended_is_counted_as_left(service: Service) -> None:
    case_id = drafted(service)
    reader = builders.signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=reader)
    assert counts(service)["language_missing"] == (1, 0, 0, 1)


def test_a_warning_that_was_dismissed_and_signed_is_counted_as_dismissed(service: Service) -> None:
    case_id = drafted(service)
    service.proofreader.dismiss(
        case_id,
        warning(service, case_id).key,
        base_revision=1,
        reason=DismissalReason.WRONG_WARNING,
        text="",
        actor=builders.actor("林清"),
    )
    reader = builders.signed_in(service.store, "林清")
    service.signing.sign(case_id, base_revision=1, base_step=0, actor=reader)
    assert counts(service)["language_missing"] == (1, 0, 1, 0)
    assert not warning(service, case_id).open


def test_a_signature_is_refused_with_every_code_that_blocks(service: Service) -> None:
    case_id = drafted(service)
    save(service, case_id, "左肺见____结节影。", "A nodule of [ ] in the left lung.")
    revision = service.case_view(case_id).working.revision
    with pytest.raises(SignatureRefused) as refused:
        service.signing.sign(
            case_id,
            base_revision=revision,
            base_step=0,
            actor=builders.signed_in(service.store, "林清"),
        )
    assert refused.value.code == "sentence_unfilled"
    assert refused.value.codes == ("sentence_unfilled",)
    assert [issue.lang for issue in refused.value.issues] == ["zh", "en"]
    assert service.case_view(case_id).versions == ()


def test_the_signature_is_checked_against_what_is_known_of_the_examination(
    service: Service,
) -> None:
    case_id = drafted(service)
    save(service, case_id, "前列腺增大。", "The prostate is enlarged.")
    view = service.case_view(case_id)
    blocking = [w.issue.code for w in view.standing if w.issue.severity.value == "block"]
    assert set(blocking) == {"sex_differs"}
    with pytest.raises(SignatureRefused, match="sex_differs"):
        service.signing.sign(
            case_id,
            base_revision=view.working.revision,
            base_step=0,
            actor=builders.signed_in(service.store, "林清"),
        )


def test_what_is_said_of_late_images_stays_dismissed_whatever_is_written(service: Service) -> None:
    case_id = drafted(service)
    (code, *_) = late_images.NOTES
    with service.store.begin() as session:
        session.execute(sa.update(CaseRow).where(CaseRow.case_id == case_id).values(issues=(code,)))
        assert cases.get_case(session, case_id).issues == (code,)
    service.proofreader.dismiss(
        case_id,
        warning(service, case_id, code).key,
        base_revision=1,
        reason=DismissalReason.AS_IT_STANDS,
        text="",
        actor=builders.actor("林清"),
    )
    save(service, case_id, *BOTH)
    assert not warning(service, case_id, code).open


def test_nothing_can_be_dismissed_of_a_report_that_nobody_began(service: Service) -> None:
    with service.store.begin() as session:
        case_id = builders.add_case(session)
    empty = warning(service, case_id, "report_empty")
    with pytest.raises(ReportError, match="warning_not_dismissible"):
        service.proofreader.dismiss(
            case_id,
            empty.key,
            base_revision=0,
            reason=DismissalReason.NOT_APPLICABLE,
            text="",
            actor=builders.actor("林清"),
        )


def test_a_check_is_noise_where_more_is_dismissed_than_the_site_allows() -> None:
    def count(found: int, dismissed: int) -> CheckCount:
        reasons = dict.fromkeys(DismissalReason, 0)
        reasons[DismissalReason.WRONG_WARNING] = dismissed
        return CheckCount("north", "language_missing", found, 0, reasons)

    limit = DismissalLimit(share=0.5, least=30)
    assert limit.exceeded(count(30, 16))
    assert not limit.exceeded(count(30, 15))
    assert not limit.exceeded(count(29, 29))


def test_a_site_without_warnings_says_so(service: Service) -> None:
    drafted(service)
    with pytest.raises(NotFound, match="warnings_site_unknown"):
        check_counts(service.store, "nowhere")
