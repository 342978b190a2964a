"""What is wrong with a report's wording whatever it says: empty, unfilled, said twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from radraft.reports.checks.pointing import issue_at, whole, words_of
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.reports.values import LANGS, Lang, Section

_BLANK = re.compile(r"_{2,}|＿{2,}|\{[^{}]*\}|\[\s*\]|【\s*】|\[\.{3}\]|\[…+\]|\?{3,}|？{3,}")
_PUNCTUATION = re.compile(r"[\W_]+")


class EmptyReport:
    """A report without a word."""

    code = "report_empty"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the issue where no sentence has text."""
        if not any(sentence.texts() for sentence in read.sentences):
            yield Issue(self.code, self.severity)


class EmptySentence:
    """A sentence without a word."""

    code = "sentence_empty"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence without text, in a report that has some."""
        if any(sentence.texts() for sentence in read.sentences):
            for sentence in read.sentences:
                if not sentence.texts():
                    yield issue_at(self, sentence)


class MissingLanguage:
    """A sentence that stands in one language only, in a report that is written in both."""

    code = "language_missing"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that lacks a language."""
        used = {w.lang for sentence in read.report.sentences for w in sentence.wordings}
        for sentence in read.sentences:
            written = [lang for lang, _ in sentence.texts()]
            for lang in LANGS:
                if written and lang in used and lang not in written:
                    yield issue_at(self, sentence, lang)


class UnfilledField:
    """A template's blank that nobody filled in."""

    code = "sentence_unfilled"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each language of a sentence with a blank in it."""
        for sentence in read.sentences:
            for lang, text in sentence.texts():
                if blank := _BLANK.search(text):
                    yield issue_at(self, sentence, lang, words_of(sentence, lang, *blank.span()))


class RepeatedSentence:
    """A sentence that its section has already."""

    code = "sentence_repeated"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence that says in one language what an earlier one of its section says."""
        for section in Section:
            seen: set[tuple[Lang, str]] = set()
            for sentence in read.by_section[section]:
                keys = {
                    (lang, _PUNCTUATION.sub(" ", text).strip().casefold())
                    for lang, text in sentence.texts()
                }
                again = sorted(key for key in keys if key[1] and key in seen)
                if again:
                    yield issue_at(
                        self, sentence, None, *(whole(sentence, lang) for lang, _ in again[:1])
                    )
                seen |= keys
