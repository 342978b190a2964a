"""Issues that point at sentences and at words of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from radraft.reports.checks.values import Check, Issue, Pointer, ReadReport, ReadSentence, Severity
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


def texts_of(read: ReadReport) -> Iterator[tuple[ReadSentence, Lang, str]]:
    """Yield each sentence in each of its languages, in reading order."""
    for sentence in read.sentences:
        for lang, text in sentence.texts():
            yield sentence, lang, text


def issue_about(
    check: Check, read: ReadSentence, lang: Lang, span: tuple[int, int], *others: Pointer
) -> Issue:
    """Return the issue that `check` has with words of a sentence, which the message names."""
    start, end = span
    words = read.sentence.text(lang)[start:end].strip()
    pointer = words_of(read, lang, start, end)
    return issue_at(check, read, lang, pointer, *others, details={"words": words})
