"""Values as the page takes them: reports in the form it edits, people by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radraft.core import canonical
from radraft.reports.codec import edit_form, sentence_form
from radraft.reports.dismissal import dismissible
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.signature_rule import reason_needed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from radraft.pipeline.report_history import ReportHistory
    from radraft.pipeline.service import AnsweredQuestion, CaseView
    from radraft.pipeline.shown_turns import ShownTurn
    from radraft.reports.diff import Change
    from radraft.reports.dismissal import Dismissal, StandingWarning
    from radraft.reports.editing import WorkingReport
    from radraft.reports.lifecycle import Move, ReportStep
    from radraft.reports.outdated import ImpressionStanding
    from radraft.reports.people import Person
    from radraft.reports.signature_rule import SignatureRule
    from radraft.reports.values import SignedReport
    from radraft.store.choices import Choice
    from radraft.store.questions import Turn
    from radraft.store.signatures import SignedVersions

Form = dict[str, Any]


def view(shown: CaseView, moves: Iterable[Move]) -> Form:
    """Return everything a study page shows; `moves`: what its reader can do with the report now."""
    form: Form = canonical.plain(shown)
    del form["standing"], form["signed_images"], form["inquiries"]
    if shown.draft is not None:
        form["draft"]["report"] = edit_form(shown.draft.report)
    return form | {
        "offered": None if shown.offered is None else edit_form(shown.offered),
        "working": working(shown.working),
        "versions": list(map(signed, shown.versions)),
        "issues": warnings(shown.standing),
        "impression": impression(shown.impression),
        "actions": sorted(move.value for move in moves),
        "rule": None if shown.rule is None else rule(shown.rule),
        "steps": list(map(step, shown.steps)),
        "turns": list(map(shown_turn, shown.turns)),
        "partial": [
            canonical.plain(event) | {"sentence": sentence_form(event.sentence)}
            for event in shown.partial
        ],
    }


def warnings(standing: Iterable[StandingWarning]) -> list[Form]:
    """Return the warnings of a report, those that were dismissed among them."""
    return [
        warning.issue.as_json()
        | {
            "key": warning.key,
            "dismissible": dismissible(warning.issue),
            "dismissed": None if warning.dismissal is None else dismissal(warning.dismissal),
        }
        for warning in standing
    ]


def impression(standing: ImpressionStanding | None) -> Form | None:
    """Return how an impression stands to its findings, with the findings' names."""
    if standing is None:
        return None
    missing = [canonical.plain(finding) | names_of(finding.code) for finding in standing.missing]
    stale = [canonical.plain(line) | names_of(line.code) for line in standing.stale]
    return {"outdated": standing.outdated, "missing": missing, "stale": stale}


def names_of(code: str) -> Form:
    """Return a finding's names to show."""
    finding = vocabulary()[code]
    return {"zh": finding.zh, "en": finding.en}


def dismissal(given: Dismissal) -> Form:
    """Return what a reader said of a warning."""
    return {
        "reason": given.reason.value,
        "text": given.text,
        "by": given.by.name,
        "at": given.at.isoformat(),
    }


def working(report: WorkingReport) -> Form:
    """Return a working report; `author_kind` as of a signed version, null while there is none."""
    form: Form = canonical.plain(report)
    return form | {
        "report": edit_form(report.report),
        "editor": _name(report.editor),
        "author": _name(report.author),
        "writers": [person.name for person in report.writers],
        "author_kind": None if report.author is None else report.author.kind.value,
    }


def rule(asked: SignatureRule) -> Form:
    """Return what a site asks of a signature; `reason_needed`: of whoever signs alone."""
    form: Form = canonical.plain(asked)
    return form | {"reason_needed": reason_needed(asked)}


def step(taken: ReportStep) -> Form:
    """Return one step of a report."""
    form: Form = canonical.plain(taken)
    return form | {"by": taken.by.name}


def history(found: ReportHistory) -> Form:
    """Return how a report came about."""
    return versions(found.versions) | {
        "steps": list(map(step, found.steps)),
        "saves": [
            {
                "revision": save.revision,
                "editor": _name(save.editor),
                "saved_at": save.saved_at.isoformat(),
                "changes": list(map(change, save.changes)),
            }
            for save in found.saves
        ],
    }


def versions(found: SignedVersions) -> Form:
    """Return signed versions; `broken` names those that are not what was signed, `warning` says in
    zh and en that there are such."""
    return {
        "versions": list(map(signed, found.held)),
        "broken": canonical.plain(found.broken),
        "warning": found.warning,
    }


def signed(report: SignedReport) -> Form:
    """Return a signed version; a person's kind tells a typed name from an account's."""
    form: Form = canonical.plain(report)
    return form | {
        "report": edit_form(report.report),
        "author": report.author.name,
        "author_kind": report.author.kind.value,
        "reviewer": _name(report.reviewer),
        "reviewer_kind": None if report.reviewer is None else report.reviewer.kind.value,
        "confirmed": [language.lang for language in report.confirmed],
    }


def change(found: Change) -> Form:
    """Return one change of a conflict."""
    form: Form = canonical.plain(found)
    return form | {"editor": _name(found.editor)}


def turn(answered: Turn) -> Form:
    """Return one question and its answer; of turns from before `kind` and `outcome` were kept they
    are null."""
    form: Form = canonical.plain(answered)
    # By its ids alone nobody learns what he may not see.
    del form["basis"], form["case_id"]
    basis = answered.basis
    return form | {
        "asked_by": answered.asked_by.name,
        "kind": None if basis is None else basis.kind,
        "outcome": None if basis is None else basis.outcome,
        "polarity": None if basis is None else basis.polarity,
    }


def shown_turn(shown: ShownTurn) -> Form:
    """Return a turn with the quotations and sizes that its reader may see."""
    return turn(shown.turn) | {
        "quotes": canonical.plain(shown.quotes),
        "related": canonical.plain(shown.related),
        "sizes": canonical.plain(shown.sizes),
        "hidden": shown.hidden,
    }


def answered(asked: AnsweredQuestion) -> Form:
    """Return a turn with the outcome of its answer, exact quotations (of this report, of priors by
    report and date, of metadata), related sentences, and sizes over time."""
    found = asked.answer
    return turn(asked.turn) | {
        "outcome": found.outcome.value,
        "polarity": None if found.polarity is None else found.polarity.value,
        "quotes": canonical.plain(found.quotes),
        "related": canonical.plain(found.related),
        "sizes": canonical.plain(found.sizes),
    }


def choice(made: Choice | None) -> Form | None:
    """Return a choice of key images; None where nobody made one."""
    return None if made is None else canonical.plain(made) | {"by": made.by.name}


def _name(person: Person | None) -> str | None:
    return None if person is None else person.name
