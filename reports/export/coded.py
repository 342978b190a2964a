"""What a report's sentences state, coded: for the forms that carry more than text."""

from __future__ import annotations

from dataclasses import dataclass

from radraft.reports.checks.examination import region_of
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Finding, vocabulary
from radraft.reports.values import LANGS, Lang, Report, Section


@dataclass(frozen=True)
class CodedFinding:
    """One statement about one finding, and the sentence that makes it."""

    sentence_id: str
    section: Section
    lang: Lang
    """Language of the text that was read."""
    mention: Mention
    """Its span is of that text."""

    @property
    def finding(self) -> Finding:
        """Return the vocabulary's entry: names in both languages, RadLex where it is known."""
        return vocabulary()[self.mention.code]


def coded_findings(report: Report, body_part: str) -> tuple[CodedFinding, ...]:
    """Return what each sentence states, in reading order. Where a sentence has both languages the
    first in display order is read: that they agree was asked before the signature."""
    region = region_of(body_part)
    found: list[CodedFinding] = []
    for section, sentences in zip(Section, (report.findings, report.impression), strict=True):
        for sentence in sentences:
            lang = next((lang for lang in LANGS if sentence.text(lang)), None)
            if lang is None:
                continue
            mentions = extract(sentence.text(lang), lang, region)
            found += [CodedFinding(sentence.id, section, lang, mention) for mention in mentions]
    return tuple(found)
