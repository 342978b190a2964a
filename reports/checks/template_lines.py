"""Lines of a template that nobody stands for: left as they are, against what the report states, or
missing though the site asks for them."""

from __future__ import annotations

from collections.abc import Iterator

from radraft.reports.assertion import is_grey
from radraft.reports.checks.values import Issue, Pointer, ReadReport, Severity
from radraft.reports.checks.wording import SEVERITIES
from radraft.reports.report_templates import ReportTemplate
from radraft.reports.template_merge import missing_lines, replaced_lines
from radraft.reports.values import Report, Sentence


class UnconfirmedTemplate:
    """A template's line that nobody confirmed: nobody looked at what it says."""

    code = "template_unconfirmed"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each sentence with such a text."""
        for sentence in read.unconfirmed:
            yield Issue(self.code, self.severity, sentence.id, at=_grey_texts(sentence))


class ContradictedTemplate:
    """A template's line that nobody confirmed, in a report that states something else of it."""

    code = "template_contradicted"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield each such line of the examination's template."""
        template = read.rules.template
        if template is None or not read.unconfirmed:
            return
        replaced = replaced_lines(read.report, template, read.study)
        for sentence in read.unconfirmed:
            if sentence.id in replaced:
                yield Issue(self.code, self.severity, sentence.id, at=_grey_texts(sentence))


class MissingTemplateLine:
    """A line that the template requires, and that the report says nothing of."""

    code = "template_line_missing"
    severity = Severity.BLOCK

    def find(self, read: ReadReport) -> Iterator[Issue]:
        """Yield the issue of each such line, as the site's rule has it, in a report that has lines
        of the template."""
        template = read.rules.template
        severity = SEVERITIES[read.rules.open_fields]
        shown = read.as_shown
        if template is None or severity is None or shown is None or not _is_of(shown, template):
            return
        for line in missing_lines(shown, template, read.study):
            names = {"line_zh": line.name.text("zh"), "line_en": line.name.text("en")}
            yield Issue(self.code, severity, details=names)


def _is_of(report: Report, template: ReportTemplate) -> bool:
    fields = (sentence.template_field for sentence in report.sentences)
    return any(field is not None and field.template_id == template.id for field in fields)


def _grey_texts(sentence: Sentence) -> tuple[Pointer, ...]:
    return tuple(
        Pointer(sentence.id, wording.lang, 0, len(wording.text))
        for wording in sentence.wordings
        if is_grey(wording)
    )
