"""A report as plain text: to be copied into another system, or kept as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radraft.reports.export.header import require_seen
from radraft.reports.export.printed import (
    PrintedField,
    PrintedReport,
    PrintedSection,
    PrintedSignature,
    printed_report,
)
from radraft.reports.export.values import OutgoingReport
from radraft.reports.values import Lang

_COLON = {"zh": "：", "en": ": "}
_BETWEEN = {"zh": "\u3000", "en": "    "}


def plain_text(report: OutgoingReport, lang: Lang) -> str:
    """Return `report` as text whose lines end in `\\n`, labels in `lang`: whose it is, findings and
    impression in each of the report's languages, who signed, the version, and the AI mark
    with its notice.

    ReportError `export_character_refused` for a character that nobody sees, as one that turns the
    direction of writing in a name: pasted elsewhere it would change what is read.
    """
    shown = printed_report(report, (lang,))
    blocks = (
        _head(shown),
        _fields(shown, lang),
        *(_section(section) for section in shown.sections),
        _foot(shown, lang),
    )
    text = "\n\n".join("\n".join(block) for block in blocks) + "\n"
    require_seen(text)
    return text


def _head(shown: PrintedReport) -> Iterator[str]:
    yield "  ".join((*shown.institution, *shown.department))
    yield " ".join(shown.title)


def _fields(shown: PrintedReport, lang: Lang) -> Iterator[str]:
    yield _BETWEEN[lang].join(_lines(shown.person, lang))
    yield from _lines(shown.examination, lang)


def _section(section: PrintedSection) -> Iterator[str]:
    yield f"{section.heading}{_COLON[section.lang].rstrip()}"
    yield from section.lines


def _foot(shown: PrintedReport, lang: Lang) -> Iterator[str]:
    for signature in shown.signatures:
        yield _signature(signature, lang)
    yield _line(shown.status, lang)
    if shown.amendment is not None:
        yield _line(shown.amendment, lang)
    yield from filter(None, (shown.mark, shown.notice))


def _signature(signature: PrintedSignature, lang: Lang) -> str:
    parts = (signature.name, signature.minute, signature.remark)
    return f"{signature.label}{_COLON[lang]}{_BETWEEN[lang].join(filter(None, parts))}"


def _lines(fields: Sequence[PrintedField], lang: Lang) -> Iterator[str]:
    return (_line(field, lang) for field in fields)


def _line(field: PrintedField, lang: Lang) -> str:
    return f"{field.label}{_COLON[lang]}{field.value}".rstrip()
