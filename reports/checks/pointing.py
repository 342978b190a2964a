"""Issues that point at sentences and at words of them."""

from __future__ import annotations

from collections.abc import Mapping

from radraft.reports.checks.values import Check, Issue, Pointer, ReadSentence, Severity
from radraft.reports.values import Lang

_ENDS = " \t\n。.；;，,"


def issue_at(
    check: Check,
    read: ReadSentence,
    lang: Lang | None = None,
    *at: Pointer,
    severity: Severity | None = None,
    mend: str | None = None,
    details: Mapping[str, str] | None = None,
) -> Issue:
    """Return the issue that `check` has with a sentence, of the check's severity where no other is
    given."""
    return Issue(
        check.code,
        severity or check.severity,
        read.sentence.id,
        lang,
        at,
        mend,
        details or {},
    )


def words_of(read: ReadSentence, lang: Lang, start: int, end: int) -> Pointer:
    """Return a pointer at characters of a sentence."""
    return Pointer(read.sentence.id, lang, start, end)


def whole(read: ReadSentence, lang: Lang) -> Pointer:
    """Return a pointer at all words of a sentence in one language, without its last stop."""
    text = read.sentence.text(lang)
    start = len(text) - len(text.lstrip(_ENDS))
    return Pointer(read.sentence.id, lang, start, max(start, len(text.rstrip(_ENDS))))
