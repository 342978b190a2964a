"""Rules of editing: who wrote a sentence, and when a save is stale. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.diff import Change, Kind, diff
from radraft.reports.lifecycle import same_person
from radraft.reports.people import Person, PersonKind
from radraft.reports.values import (
    Amendment,
    AmendmentKind,
    Evidence,
    Lang,
    Origin,
    Report,
    ReportState,
    Sentence,
    TemplateField,
    Wording,
)


@dataclass(frozen=True)
class WorkingReport:
    """The report a reader writes in."""

    case_id: str
    report: Report
    revision: int
    state: ReportState
    editor: Person | None
    """Who saved last; None while it stands as drafted."""
    saved_at: datetime
    base_version: int
    """The signed version it began as or became; 0 before the first signature."""
    author: Person | None = None
    """Who writes it (书写); None until somebody does."""
    writers: tuple[Person, ...] = ()
    """Who saved a change of it since it was signed last, or drafted; each once, in their order."""
    submitted_at: datetime | None = None
    """When the author handed it over for review; None where it does not wait for that."""
    steps: int = 0
    """How many steps of its life people have taken with it (`lifecycle.ReportStep`)."""
    amendment: Amendment | None = None
    """Why it was reopened; None where it was not."""


@dataclass(frozen=True)
class Revision:
    """One save of a report."""

    report: Report
    editor: Person | None


class RevisionConflict(ReportError):
    """Somebody saved in between. `current` is how it stands, `changes` what they did; `own`: it was
    the same person, in another page."""

    def __init__(
        self, base: int, current: WorkingReport, changes: tuple[Change, ...], *, own: bool = False
    ) -> None:
        super().__init__("revision_conflict", base=base, current=current.revision)
        self.current = current
        self.changes = changes
        self.own = own


def edited(before: WorkingReport, report: Report, *, drafted: Iterable[Sentence]) -> Report:
    """Return `report`, edited from `before`, with the origins and evidence it can claim.

    Text that stands in the draft (`drafted`) or in `before` under the same id and in the same
    language keeps what is known of it (an undone deletion is the model's sentence again); anything
    else a person wrote, whatever the client says. Evidence is what was measured, for both languages
    together, and only words that were drafted can be kept against the image. ReportError
    `report_invalid`, `character_refused`, `report_of_other_case`.
    """
    report = codec.validated(report)
    if report.case_id != before.case_id:
        raise ReportError("report_of_other_case")
    known = _Known((*drafted, *before.report.sentences))
    return replace(
        report,
        findings=tuple(map(known.claimed, report.findings)),
        impression=tuple(map(known.claimed, report.impression)),
    )


def conflict(
    now: WorkingReport, base: int, revisions: Sequence[Revision], by: Person | None = None
) -> RevisionConflict:
    """Return the conflict of a save by `by` from revision `base`: each change since, with the last
    editor of its sentence. `revisions` are those from `base` to the current one."""
    editors: dict[str, Person | None] = {}
    for before, after in pairwise(revisions):
        changes = diff(before.report, after.report)
        editors.update({change.sentence_id: after.editor for change in changes})
    changed = tuple(
        replace(change, editor=editors.get(change.sentence_id))
        for change in diff(revisions[0].report, now.report)
    )
    return RevisionConflict(base, now, changed, own=by is not None and own_saves(revisions, by))


def own_saves(revisions: Sequence[Revision], by: Person) -> bool:
    """Return whether all saves since the first of `revisions` are `by`'s own; of a typed name
    nobody knows whose it is."""
    changing = (after for before, after in pairwise(revisions) if after.report != before.report)
    return by.kind is PersonKind.ACCOUNT and all(
        revision.editor is not None and same_person(revision.editor, by) for revision in changing
    )


def require_addendum(amendment: Amendment | None, before: Report, after: Report) -> None:
    """Raise ReportError `addendum_changes_text` where an addendum changes what was signed: a
    sentence of `before` that is gone, reworded or moved. Other amendments may."""
    if amendment is None or amendment.kind is not AmendmentKind.ADDENDUM:
        return
    if any(change.kind is not Kind.ADDED for change in diff(before, after)):
        raise ReportError("addendum_changes_text")


class _Known:
    """What is known of sentences, by their ids and texts; of the same text the last one counts."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        self._sentences: dict[tuple[str, str, str], Sentence] = {}
        self._wordings: dict[tuple[str, Lang, str], Wording] = {}
        self._fields: dict[str, TemplateField | None] = {}
        for sentence in sentences:
            self._sentences[sentence.id, sentence.zh, sentence.en] = sentence
            self._fields[sentence.id] = sentence.template_field
            for wording in sentence.wordings:
                self._wordings[sentence.id, wording.lang, wording.text] = wording

    def claimed(self, sentence: Sentence) -> Sentence:
        """Return `sentence` with no more than is known of it."""
        # A sentence taken over from a draft whose id was in use bears a suffix.
        ids = (sentence.id, sentence.id.rpartition("-")[0])
        sentence = replace(sentence, template_field=self._fields.get(sentence.id))
        found = (self._sentences.get((known, sentence.zh, sentence.en)) for known in ids)
        same = next((sentence for sentence in found if sentence is not None), None)
        if same is not None:
            return replace(sentence, wordings=same.wordings, evidence=same.evidence)
        wordings = tuple(
            self._wordings.get(
                (sentence.id, wording.lang, wording.text),
                Wording(wording.lang, wording.text, Origin.PERSON),
            )
            for wording in sentence.wordings
        )
        # Support was measured for other words.
        unmeasured = tuple(Evidence(item.image_id, None) for item in sentence.evidence)
        return replace(sentence, wordings=wordings, evidence=unmeasured, kept=False)
