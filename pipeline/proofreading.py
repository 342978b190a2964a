"""Warnings of the report that is being written: found, shown, dismissed by readers, and counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, ReportError
from radraft.pipeline import late_images, patient_identity
from radraft.pipeline.report_templates import template_rules
from radraft.pipeline.study_facts import study_facts
from radraft.prompts.build import gave_priors
from radraft.reports.checks.run import proofread
from radraft.reports.dismissal import (
    DismissalReason,
    StandingWarning,
    checked_text,
    require_dismissible,
    standing_warnings,
)
from radraft.reports.skeleton import skeleton
from radraft.store import cases, dismissals, drafts, reports
from radraft.store.dismissals import CheckCount

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from radraft.reports.checks.values import StudyFacts
    from radraft.reports.editing import WorkingReport
    from radraft.reports.people import Actor
    from radraft.store.database import Store

AS_DRAFTED = 1
"""Revision of a report that nobody has saved yet."""


class Proofreader:
    """The checks over the reports of one store, and what readers say of their warnings."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_case(self, case_id: str) -> tuple[StandingWarning, ...]:
        """Return the warnings of the working report. NotFound `case_not_found`."""
        with self._store.read() as session:
            return warnings_of(session, reports.current(session, case_id))

    def dismiss(
        self,
        case_id: str,
        key: str,
        *,
        base_revision: int,
        reason: DismissalReason,
        text: str,
        actor: Actor,
    ) -> tuple[StandingWarning, ...]:
        """Keep that the actor dismissed the warning `key`; return the warnings as they are then.

        It is the same warning for as long as its words are, whatever else was saved since
        `base_revision`. ReportError `warning_not_dismissible`, `report_is_signed`, those of
        `checked_text`; where it does not stand RevisionConflict if somebody saved since, else
        `warning_gone`. NotFound `case_not_found`.
        """
        text = checked_text(reason, text)
        with self._store.begin() as session:
            working, warning = _held(session, case_id, key, base_revision, actor)
            require_dismissible(warning.issue)
            now = datetime.now(UTC)
            dismissals.dismiss(
                session, case_id, warning, reason=reason, text=text, actor=actor, now=now
            )
            return warnings_of(session, working)

    def restore(
        self, case_id: str, key: str, *, base_revision: int, actor: Actor
    ) -> tuple[StandingWarning, ...]:
        """Keep that the actor took the dismissals of the warning `key` back, and return the
        warnings as they are then. Errors as `dismiss`."""
        with self._store.begin() as session:
            working, warning = _held(session, case_id, key, base_revision, actor)
            dismissals.restore(session, case_id, warning, actor=actor, now=datetime.now(UTC))
            return warnings_of(session, working)


def warnings_of(
    session: Session, working: WorkingReport, facts: StudyFacts | None = None
) -> tuple[StandingWarning, ...]:
    """Return every warning of a working report with what readers said of it: what is to be known of
    its patient and images first, then those of the checks. `facts`: of its examination, where the
    caller has them (`study_facts`)."""
    case_id = working.case_id
    dismissed = dismissals.of_case(session, case_id)
    source = drafts.source(session, case_id)
    issues = proofread(
        working.report,
        study_facts(session, case_id) if facts is None else facts,
        draft=None if source is None else source.draft,
        prior_given=source is not None and gave_priors(source.request_json),
        rules=template_rules(session, case_id),
    )
    # What is said of the patient and of images is about none of the report's words.
    case = cases.get_case(session, case_id)
    of_study = (*patient_identity.issues(case), *late_images.issues(case))
    return (
        *standing_warnings(of_study, skeleton(case_id), dismissed),
        *standing_warnings(issues, working.report, dismissed),
    )


def note_saved(session: Session, before: WorkingReport, after: WorkingReport) -> None:
    """Count the warnings of a report that was saved, and first those that its draft came with; the
    caller holds the case."""
    if after.revision == before.revision:
        return
    if before.revision == AS_DRAFTED:
        note_standing(session, before)
    note_standing(session, after)


def note_standing(session: Session, working: WorkingReport) -> None:
    """Count the warnings of a report as it stands since it was saved; the caller holds the case."""
    warnings = warnings_of(session, working)
    dismissals.note(session, working.case_id, warnings, since=working.saved_at)


@dataclass(frozen=True)
class DismissalLimit:
    """From when a check's warnings count as noise at a site."""

    share: float = 0.5
    """Of the warnings found, 0 to 1: of which more are dismissed is noise."""
    least: int = 30
    """Warnings that must have been found before anything is said."""

    def exceeded(self, count: CheckCount) -> bool:
        """Return whether readers dismiss a check more than the site allows."""
        return count.found >= self.least and count.dismissed_share > self.share


PRESET_LIMIT = DismissalLimit()


def check_counts(store: Store, site: str | None = None) -> tuple[CheckCount, ...]:
    """Return what became of every check's warnings, of one site or of all, by site and code.

    NotFound `warnings_site_unknown` for a site that is named and has none.
    """
    with store.read() as session:
        found = dismissals.counts(session, site)
    if site is not None and not found:
        raise NotFound("warnings_site_unknown")
    return found


def _held(
    session: Session, case_id: str, key: str, base_revision: int, actor: Actor
) -> tuple[WorkingReport, StandingWarning]:
    """Return the working report, held until the transaction ends, and its warning `key`.

    ReportError as a save by `actor` would raise it: whoever cannot write dismisses nothing.
    """
    cases.lock(session, case_id)
    working = reports.editable(session, case_id, actor)
    standing = warnings_of(session, working)
    warning = next((warning for warning in standing if warning.key == key), None)
    if warning is None:
        reports.require_revision(session, working, base_revision)
        raise ReportError("warning_gone")
    return working, warning
