"""Rules of editing: who wrote a sentence, and when a save is stale. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from radraft.core.errors import ReportError
from radraft.reports import codec
from radraft.reports.diff import Change, Kind, diff
from radraft.reports.lifecycle import same_person
from radraft.reports.offered import OfferedText
from radraft.reports.people import Person, PersonKind
from radraft.reports.values import (
    Amendment,
    AmendmentKind,
    Confirmation,
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


@dataclass(frozen=True)
class Confirming:
    """Whose word it is which texts of a report are confirmed."""

    languages: Mapping[str, frozenset[Lang]]
    """As `codec.SentReport.confirmed`."""
    by: Person
    at: datetime
    """UTC."""


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


def edited(
    before: WorkingReport,
    report: Report,
    *,
    drafted: Iterable[Sentence],
    offered: Iterable[OfferedText] = (),
    confirming: Confirming | None = None,
) -> Report:
    """Return `report`, edited from `before`, with the origins and evidence it can claim.

    Text that stands in the draft (`drafted`) or in `before` under the same id and in the same
    language keeps what is known of it (an undone deletion is the model's sentence again), and so
    does a text that was `offered` to this case; anything else a person wrote, whatever the client
    says. Evidence is what was measured, for both languages together, and only words that were
    drafted can be kept against the image. ReportError `report_invalid`, `character_refused`,
    `report_of_other_case`.

    `confirming`: which texts that no person wrote its person stands for. Who confirmed a text first
    stays; one that it does not name of a sentence that it names is confirmed no longer.
    """
    report = codec.validated(report)
    if report.case_id != before.case_id:
        raise ReportError("report_of_other_case")
    known = _Known((*drafted, *before.report.sentences), offered)

    def claimed(sentence: Sentence) -> Sentence:
        found = known.claimed(sentence)
        return found if confirming is None else _confirmed(found, confirming)

    return replace(
        report,
        findings=tuple(map(claimed, report.findings)),
        impression=tuple(map(claimed, report.impression)),
    )


def confirmed_texts(report: Report) -> dict[str, frozenset[Lang]]:
    """Return the languages in which each sentence of `report` is confirmed, by its id."""
    return {
        sentence.id: frozenset(
            wording.lang for wording in sentence.wordings if wording.confirmed is not None
        )
        for sentence in report.sentences
    }


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


def _confirmed(sentence: Sentence, confirming: Confirming) -> Sentence:
    """Return `sentence` confirmed in the languages that `confirming` names, and in no other; as it
    is where it names none of them."""
    languages = confirming.languages.get(sentence.id)
    if languages is None:
        return sentence

    def confirmed(wording: Wording) -> Wording:
        if wording.lang not in languages or wording.origin is Origin.PERSON:
            return replace(wording, confirmed=None)
        given = wording.confirmed or Confirmation(confirming.by, confirming.at)
        return replace(wording, confirmed=given)

    return replace(sentence, wordings=tuple(map(confirmed, sentence.wordings)))


class _Known:
    """What is known of sentences, by their ids and texts; of the same text the last one counts."""

    def __init__(self, sentences: Iterable[Sentence], offered: Iterable[OfferedText] = ()) -> None:
        self._sentences: dict[tuple[str, str, str], Sentence] = {}
        self._wordings: dict[tuple[str, Lang, str], Wording] = {}
        self._fields: dict[str, TemplateField | None] = {}
        for sentence in sentences:
            self._sentences[sentence.id, sentence.zh, sentence.en] = sentence
            self._fields[sentence.id] = sentence.template_field
            for wording in sentence.wordings:
                self._wordings[sentence.id, wording.lang, wording.text] = wording
        self._offered: dict[tuple[str | None, Lang, str], OfferedText] = {
            (text.sentence_id, text.lang, text.text): text for text in offered
        }

    def claimed(self, sentence: Sentence) -> Sentence:
        """Return `sentence` with no more than is known of it."""
        # A sentence taken over from a draft whose id was in use bears a suffix.
        ids = (sentence.id, sentence.id.rpartition("-")[0])
        sentence = replace(sentence, template_field=self._template_field(sentence))
        found = (self._sentences.get((known, sentence.zh, sentence.en)) for known in ids)
        same = next((sentence for sentence in found if sentence is not None), None)
        if same is not None:
            return replace(sentence, wordings=same.wordings, evidence=same.evidence)
        wordings = tuple(self._wording(sentence.id, wording) for wording in sentence.wordings)
        # Support was measured for other words.
        unmeasured = tuple(Evidence(item.image_id, None) for item in sentence.evidence)
        return replace(sentence, wordings=wordings, evidence=unmeasured, kept=False)

    def _wording(self, sentence_id: str, wording: Wording) -> Wording:
        known = self._wordings.get((sentence_id, wording.lang, wording.text))
        if known is not None:
            return known
        offered = self._offered_text(sentence_id, wording)
        origin = Origin.PERSON if offered is None else offered.origin
        return Wording(wording.lang, wording.text, origin)

    def _offered_text(self, sentence_id: str, wording: Wording) -> OfferedText | None:
        keys = ((key, wording.lang, wording.text) for key in (sentence_id, None))
        return next((self._offered[key] for key in keys if key in self._offered), None)

    def _template_field(self, sentence: Sentence) -> TemplateField | None:
        """Return where in a template the sentence is known to stand, or a text of it was offered
        from."""
        if sentence.id in self._fields:
            return self._fields[sentence.id]
        texts = (self._offered_text(sentence.id, wording) for wording in sentence.wordings)
        return next((text.template_field for text in texts if text and text.template_field), None)
