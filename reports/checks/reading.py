"""A report read once for all checks: each sentence with what it states in each of its languages."""

from __future__ import annotations

from functools import lru_cache

from radraft.reports.assertion import without_grey
from radraft.reports.checks.examination import region_of
from radraft.reports.checks.values import ReadReport, ReadSentence, StudyFacts
from radraft.reports.draft import Draft
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region
from radraft.reports.template_rules import NO_TEMPLATE, TemplateRules
from radraft.reports.values import Lang, Report, Section

_SENTENCES_KEPT = 8192


def read_report(
    report: Report,
    study: StudyFacts,
    *,
    draft: Draft | None = None,
    prior_given: bool = False,
    rules: TemplateRules = NO_TEMPLATE,
) -> ReadReport:
    """Return the report with what each sentence of it states in each language. A template's text
    that nobody confirmed states nothing: it is in `ReadReport.as_shown` alone."""
    region = region_of(study.body_part)
    stated = without_grey(report)
    sections = ((Section.FINDINGS, stated.findings), (Section.IMPRESSION, stated.impression))
    sentences = tuple(
        ReadSentence(
            sentence,
            section,
            {w.lang: _mentions(w.text, w.lang, region) for w in sentence.wordings if w.text},
        )
        for section, of_section in sections
        for sentence in of_section
    )
    return ReadReport(stated, sentences, study, draft, prior_given, report, rules)


def forget() -> None:
    """Forget what was read before: for measuring."""
    _mentions.cache_clear()


@lru_cache(maxsize=_SENTENCES_KEPT)
def _mentions(text: str, lang: Lang, region: Region | None) -> tuple[Mention, ...]:
    return extract(text, lang, region)
