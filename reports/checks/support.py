"""Whether the images support what a model drafted, where its support tells right from wrong.

A model's limit stands in its profile (`Profile.support`), and goes with its drafts
(`Draft.least_support`). A profile has one only where the model's support was measured to tell right
from wrong on films that it had not seen; nothing is said of the drafts of other models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from radraft.reports.checks.pointing import issue_at
from radraft.reports.checks.values import Issue, ReadReport, Severity
from radraft.reports.values import Origin, Report, Sentence

NOT_SUPPORTED = "sentence_not_supported"


class UnsupportedSentence:
    """A drafted sentence that the images do not support, until a reader keeps it, rewords it or
    deletes it."""

    code = NOT_SUPPORTED
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such sentence."""
        if read.draft is None or read.draft.least_support is None:
            return
        marked = _unsupported(read.report, read.draft.report, read.draft.least_support)
        for sentence in read.sentences:
            if sentence.sentence.id in marked:
                yield issue_at(self, sentence)


class UnmeasuredSupport:
    """A draft whose support should have been measured and was not."""

    code = "support_not_measured"
    severity = Severity.WARN

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the issue where no drafted sentence has a figure."""
        if read.draft is None or read.draft.least_support is None:
            return
        drafted = [s for s in read.report.sentences if s.origin is Origin.MODEL]
        if drafted and all(sentence.support is None for sentence in drafted):
            yield Issue(self.code, self.severity)


def kept(report: Report, issues: Sequence[Issue]) -> Report:
    """Return `report` with the sentences kept that `issues` mark as not supported by the image."""
    marked = {issue.sentence_id for issue in issues if issue.code == NOT_SUPPORTED}

    def keep(sentence: Sentence) -> Sentence:
        return replace(sentence, kept=True) if sentence.id in marked else sentence

    return replace(
        report,
        findings=tuple(map(keep, report.findings)),
        impression=tuple(map(keep, report.impression)),
    )


def _unsupported(report: Report, drafted: Report, least: float) -> frozenset[str]:
    """Return the ids of the sentences with less support that no reader has kept.

    An impression follows from the findings: beside them the image adds little to it. So it is
    marked only where a drafted finding with less support was not kept or reworded; if that one was
    deleted, the impression may still say it.
    """

    def below(sentences: tuple[Sentence, ...]) -> frozenset[str]:
        return frozenset(
            sentence.id
            for sentence in sentences
            if not sentence.kept and sentence.support is not None and sentence.support < least
        )

    findings = below(report.findings)
    standing = {finding.id for finding in report.findings} - findings
    in_doubt = below(drafted.findings) - standing
    return findings | below(report.impression) if in_doubt else findings
