"""Comparisons with earlier examinations: that there is one, and that it is the one named."""

from __future__ import annotations

from collections.abc import Iterator

from radraft.reports.checks.pointing import issue_at
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.reports.findings.extract import claims_prior
from radraft.reports.values import Origin


class PriorNotGiven:
    """A drafted sentence that compares with an earlier examination, of a model that was shown none.
    A person may compare."""

    code = "prior_not_given"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        if read.prior_given:
            return
        for sentence in read.sentences:
            if sentence.sentence.origin is Origin.MODEL and any(
                claims_prior(text, lang) for lang, text in sentence.texts()
            ):
                yield issue_at(self, sentence)
