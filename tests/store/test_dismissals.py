"""Dismissed warnings: every word is kept, and the counts say what became of the warnings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from radraft.core.errors import StorageDamaged
from radraft.reports.checks.values import Issue, Pointer, Severity
from radraft.reports.dismissal import DismissalReason, StandingWarning, standing_warnings
from radraft.reports.values import Report
from radraft.store import dismissals
from radraft.store.database import Store
from radraft.store.dismissals import SHOWN, CheckCount
from tests.builders import actor, add_case, make_report

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ISSUE = Issue("side_mismatch", Severity.WARN, "f1", "zh", (Pointer("f1", "zh", 0, 1),))
OTHER = Issue("number_mismatch", Severity.WARN, "f2", "zh")


def standing(report: Report, *issues: Issue) -> tuple[StandingWarning, ...]:
    return standing_warnings(issues, report, {})


def dismiss(
    store: Store,
    report: Report,
    issue: Issue = ISSUE,
    *,
    by: str = "林清",
    reason: DismissalReason = DismissalReason.AS_IT_STANDS,
    text: str = "",
    now: datetime = NOON,
) -> None:
    with store.begin() as session:
        dismissals.dismiss(
            session,
            report.case_id,
            *standing(report, issue),
            reason=reason,
            text=text,
            actor=actor(by),
            now=now,
        )


def note(store: Store, report: Report, *issues: Issue, since: datetime = NOON) -> None:
    with store.begin() as session:
        dismissals.note(session, report.case_id, standing(report, *issues), since=since)


def counts(store: Store, site: str | None = None) -> dict[str, tuple[int, int, int, int]]:
    with store.read() as session:
        found = dismissals.counts(session, site)
    return {count.code: (count.found, count.mended, count.dismissed, count.left) for count in found}


@pytest.fixture
def report(store: Store) -> Report:
    with store.begin() as session:
        return make_report(add_case(session))


def test_a_dismissal_is_read_as_it_was_given(store: Store, report: Report) -> None:
    dismiss(store, report, reason=DismissalReason.OTHER, text="片上标记相反")
    with store.read() as session:
        held = dismissals.of_case(session, report.case_id)
    (dismissal,) = held.values()
    assert held.keys() == {warning.key for warning in standing(report, ISSUE)}
    assert (dismissal.code, dismissal.reason) == ("side_mismatch", DismissalReason.OTHER)
    assert (dismissal.text, dismissal.by, dismissal.at) == ("片上标记相反", actor("林清").who, NOON)
    assert "片上" not in repr(dismissal)


def test_the_exact_texts_that_it_was_about_are_kept(store: Store, report: Report) -> None:
    dismiss(store, report)
    with store.read() as session:
        (texts,) = session.scalars(sa.text("SELECT texts FROM dismissals"))
    assert json.loads(texts) == [[report.findings[0].zh, report.findings[0].en]]


def test_what_two_readers_say_of_one_warning_is_both_kept_and_the_newest_holds(
    store: Store, report: Report
) -> None:
    dismiss(store, report, by="林清")
    dismiss(store, report, by="周末", reason=DismissalReason.WRONG_WARNING, now=NOON + SECOND)
    with store.read() as session:
        (dismissal,) = dismissals.of_case(session, report.case_id).values()
        kept = session.execute(sa.text('SELECT "by", reason FROM dismissals ORDER BY dismissal_id'))
        assert [tuple(row) for row in kept] == [
            ("林清", "as_it_stands"),
            ("周末", "wrong_warning"),
        ]
    assert dismissal.reason is DismissalReason.WRONG_WARNING
    assert counts(store) == {"side_mismatch": (1, 0, 1, 0)}


def test_the_same_word_sent_twice_is_kept_once(store: Store, report: Report) -> None:
    dismiss(store, report)
    dismiss(store, report, now=NOON + SECOND)
    with store.read() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM dismissals")) == 1


def test_a_dismissal_that_was_taken_back_holds_no_longer_and_can_be_given_again(
    store: Store, report: Report
) -> None:
    dismiss(store, report)
    with store.begin() as session:
        (warning,) = standing(report, ISSUE)
        later = NOON + SECOND
        dismissals.restore(session, report.case_id, warning, actor=actor("周末"), now=later)
        assert dismissals.of_case(session, report.case_id) == {}
    assert counts(store) == {"side_mismatch": (1, 0, 0, 1)}
    dismiss(store, report, now=NOON + 2 * SECOND)
    assert counts(store) == {"side_mismatch": (1, 0, 1, 0)}
    with store.read() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM dismissals")) == 3


def test_taking_back_what_nobody_dismissed_changes_nothing(store: Store, report: Report) -> None:
    with store.begin() as session:
        (warning,) = standing(report, ISSUE)
        dismissals.restore(session, report.case_id, warning, actor=actor("周末"), now=NOON)
        assert session.scalar(sa.text("SELECT count(*) FROM dismissals")) == 0


def test_a_dismissal_is_of_its_case_alone(store: Store, report: Report) -> None:
    dismiss(store, report)
    with store.begin() as session:
        other = add_case(session, 2)
        assert dismissals.of_case(session, other) == {}


@pytest.mark.parametrize(
    "statement", ["UPDATE dismissals SET own_words = 'x'", "DELETE FROM dismissals"]
)
def test_a_dismissal_stays_as_it_was(store: Store, report: Report, statement: str) -> None:
    dismiss(store, report)
    with pytest.raises(DBAPIError, match="append-only"), store.begin() as session:
        session.execute(sa.text(statement))


def test_a_dismissal_that_cannot_be_read_says_so(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        report = make_report(add_case(session))
    dismiss(sqlite_store, report)
    with sqlite_store.begin() as session:
        session.execute(sa.text("DROP TRIGGER dismissals_no_update"))
        session.execute(sa.text("UPDATE dismissals SET reason = 'because'"))
    with sqlite_store.read() as session, pytest.raises(StorageDamaged, match="row_damaged"):
        dismissals.of_case(session, report.case_id)


def test_warnings_are_counted_as_found_mended_dismissed_and_left(
    store: Store, report: Report
) -> None:
    note(store, report, ISSUE, OTHER)
    assert counts(store) == {"side_mismatch": (1, 0, 0, 1), "number_mismatch": (1, 0, 0, 1)}
    dismiss(store, report, OTHER, now=NOON + SECOND)
    note(store, report, OTHER, since=NOON + SHOWN)
    assert counts(store) == {"side_mismatch": (1, 1, 0, 0), "number_mismatch": (1, 0, 1, 0)}


def test_what_stood_only_while_words_were_typed_is_not_counted(
    store: Store, report: Report
) -> None:
    note(store, report, ISSUE)
    note(store, report, since=NOON + SHOWN - SECOND)
    assert counts(store) == {}
    note(store, report, ISSUE, since=NOON + SHOWN)
    note(store, report, since=NOON + 2 * SHOWN)
    assert counts(store) == {"side_mismatch": (1, 1, 0, 0)}


def test_a_mended_warning_that_comes_back_with_its_words_stands_again(
    store: Store, report: Report
) -> None:
    note(store, report, ISSUE)
    note(store, report, since=NOON + SHOWN)
    note(store, report, ISSUE, since=NOON + 2 * SHOWN)
    assert counts(store) == {"side_mismatch": (1, 0, 0, 1)}


def test_a_dismissed_warning_whose_words_were_changed_after_all_stays_dismissed(
    store: Store, report: Report
) -> None:
    note(store, report, ISSUE)
    dismiss(store, report, now=NOON + SECOND)
    note(store, report, since=NOON + 2 * SECOND)
    assert counts(store) == {"side_mismatch": (1, 0, 1, 0)}


def test_counts_are_of_the_sites_own_cases(store: Store, report: Report) -> None:
    note(store, report, ISSUE)
    with store.read() as session:
        (count,) = dismissals.counts(session)
    assert counts(store, count.site).keys() == {"side_mismatch"}
    assert counts(store, "elsewhere") == {}


def test_the_share_of_dismissals_is_of_those_found() -> None:
    reasons = dict.fromkeys(DismissalReason, 0) | {DismissalReason.WRONG_WARNING: 3}
    count = CheckCount("north", "side_mismatch", found=4, mended=1, reasons=reasons)
    assert (count.dismissed, count.dismissed_share, count.left) == (3, 0.75, 0)
    assert replace(count, found=0, mended=0, reasons={}).dismissed_share == 0.0
