"""Rules of dismissing a warning: what it was about, by which reason, when it is the same one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.characters import require_visible
from radraft.reports.checks.values import Issue, Severity
from radraft.reports.people import Person
from radraft.reports.values import Report, Sentence

MAX_TEXT: Final = 500
"""Characters of a reason in a reader's own words."""


class DismissalReason(StrEnum):
    """Why a reader dismisses a warning."""

    NOT_APPLICABLE = "not_applicable"
    """It has nothing to do with this examination."""
    AS_IT_STANDS = "as_it_stands"
    """Checked, and right as it stands."""
    WRONG_WARNING = "wrong_warning"
    """The check is mistaken."""
    OTHER = "other"
    """In the reader's own words."""


@dataclass(frozen=True)
class Dismissal:
    """A reader's word that a warning needs nothing done."""

    warning_key: str
    code: str
    reason: DismissalReason
    text: str = field(repr=False)
    """Own words; empty but for `DismissalReason.OTHER`."""
    by: Person
    at: datetime
    """UTC."""


@dataclass(frozen=True)
class StandingWarning:
    """A warning of a report as it stands."""

    issue: Issue
    key: str
    """Of `warning_key`."""
    texts: tuple[tuple[str, str], ...] = field(repr=False)
    """Of `warning_texts`."""
    dismissal: Dismissal | None
    """The newest that holds; None while the warning is open."""

    @property
    def open(self) -> bool:
        """Return whether nobody dismissed it."""
        return self.dismissal is None


def standing_warnings(
    issues: Iterable[Issue], report: Report, dismissed: Mapping[str, Dismissal]
) -> tuple[StandingWarning, ...]:
    """Return the issues of `report` with what was said of them; a dismissal of what may no longer
    be dismissed (`require_dismissible`) does not count."""
    keyed = ((issue, warning_key(issue, report)) for issue in issues)
    return tuple(
        StandingWarning(
            issue=issue,
            key=key,
            texts=warning_texts(issue, report),
            dismissal=dismissed.get(key) if dismissible(issue) else None,
        )
        for issue, key in keyed
    )


def warning_texts(issue: Issue, report: Report) -> tuple[tuple[str, str], ...]:
    """Return both texts (zh, en) of each sentence that an issue is about, in the order in which it
    points at them; of all sentences where it is about the whole report."""
    return tuple((sentence.zh, sentence.en) for sentence in _about(issue, report))


def warning_key(issue: Issue, report: Report) -> str:
    """Return what a warning is known by: SHA-256 of its code, the words and the places in them.

    So it is the same warning for as long as not one character of its sentences changes, whatever
    else is edited, and another one afterwards. Ids do not count: what is deleted and typed again
    reads as before.
    """
    about = _about(issue, report)
    places = {sentence.id: place for place, sentence in enumerate(about)}
    at = [
        [places.get(pointer.sentence_id, -1), pointer.lang, pointer.start, pointer.end]
        for pointer in issue.at
    ]
    texts = [[sentence.zh, sentence.en] for sentence in about]
    return canonical.sha256([issue.code, issue.lang or "", texts, at, dict(issue.details)])


def dismissible(issue: Issue) -> bool:
    """Return whether a reader may dismiss it: what blocks is mended, never waved through."""
    return issue.severity is not Severity.BLOCK


def require_dismissible(issue: Issue) -> None:
    """Raise ReportError `warning_not_dismissible` where a reader may not dismiss it."""
    if not dismissible(issue):
        raise ReportError("warning_not_dismissible")


def checked_text(reason: DismissalReason, text: str) -> str:
    """Return a reason's own words without the space around them; none but of `OTHER`.

    ReportError `dismissal_text_missing`, `dismissal_text_too_long`, `character_refused`.
    """
    text = text.strip()
    if reason is not DismissalReason.OTHER:
        return ""
    if not text:
        raise ReportError("dismissal_text_missing")
    if len(text) > MAX_TEXT:
        raise ReportError("dismissal_text_too_long", most=MAX_TEXT)
    require_visible(text, "text")
    return text


def texts_to_json(texts: tuple[tuple[str, str], ...]) -> str:
    """Return `warning_texts` as they are stored."""
    return json.dumps([list(pair) for pair in texts], ensure_ascii=False)


def _about(issue: Issue, report: Report) -> tuple[Sentence, ...]:
    wanted = [] if issue.sentence_id is None else [issue.sentence_id]
    wanted += [pointer.sentence_id for pointer in issue.at]
    known = {sentence.id: sentence for sentence in report.sentences}
    found = tuple(
        known[sentence_id] for sentence_id in dict.fromkeys(wanted) if sentence_id in known
    )
    return found or report.sentences
