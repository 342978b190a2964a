"""A report as a page to hand over: PDF/A-2a, tagged as PDF/UA-1 asks for.

Typst lays it out. The report reaches it as data, never as markup, and the same report gives the
same bytes: what is dated in the file is dated by the report. Each character is looked up in the
fonts first, so that none is printed as an empty box. Made to be valid PDF/A-2a (ISO 19005-2) and
PDF/UA-1 (ISO 14289-1); no validator of either was at hand to confirm it.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radraft.core.errors import NotFound, ReportError
from radraft.reports.characters import without_zero_width
from radraft.reports.export.fonts import family, folders_of, loaded_fonts, missing_character
from radraft.reports.export.header import one_line, require_seen
from radraft.reports.export.printed import PrintedField, printed_report, word
from radraft.reports.export.values import OutgoingReport

if TYPE_CHECKING:
    from typst import PDFStandard

PDF_STANDARDS: tuple[PDFStandard, ...] = ("a-2a", "ua-1")
_HALF_LINE = 34
"""Width of a field that half a line holds, in Latin letters; a Chinese one is two."""

_IGNORABLE = re.compile("[\n\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Ends of lines, and what only shapes the character beside it: joiners and variation selectors, of
which a font that does not know them shows nothing (Unicode 5.21)."""


@dataclass(frozen=True)
class Picture:
    """A key image to print."""

    image_id: str
    """As `Evidence.image_id` names it."""
    png: bytes = field(repr=False)


def pdf(report: OutgoingReport, pictures: Sequence[Picture], font: Sequence[Path]) -> bytes:
    """Return `report` as PDF/A with those of its key images that are in `pictures`.

    `font`: font files; the first that has a character prints it. ReportError
    `export_glyph_missing` (none of them has a character of the report), `export_character_refused`
    (one that nobody sees), `export_pdf_failed`; SettingsError `export_font_unreadable`; NotFound
    `version_not_signed` of a report that nobody signed or submitted.
    """
    import typst

    when = report.signed_at or report.submitted_at
    if when is None:
        raise NotFound("version_not_signed", case_id=report.case_id, version=report.version)
    fonts = tuple(font)
    data = _data(report, pictures, when)
    _require_printable("".join(_texts(data)), fonts)
    data["fonts"] = [family(file)[0] for file in fonts]
    data["qr"] = _qr(report.content_sha)
    try:
        data["pictures"] = [
            told | {"svg": _svg(picture.png)}
            for told, picture in zip(data["pictures"], _printed(report, pictures), strict=True)
        ]
        made = typst.Compiler(font_paths=loaded_fonts(folders_of(fonts))).compile(
            _template(),
            format="pdf",
            sys_inputs={"report": json.dumps(data)},
            pdf_standards=list(PDF_STANDARDS),
            timestamp=int(when.timestamp()),
        )
    except (typst.TypstError, OSError):
        # Its words may hold the report's.
        raise ReportError("export_pdf_failed", case_id=report.case_id) from None
    assert isinstance(made, bytes)
    return made


def _data(report: OutgoingReport, pictures: Sequence[Picture], when: datetime) -> dict[str, Any]:
    """What the template prints, but pictures and the names of fonts."""
    languages = report.languages
    shown = printed_report(report, languages)
    name, *_ = shown.person
    absent = len(report.key_images) - len(_printed(report, pictures))
    standing = (shown.status, *(() if shown.amendment is None else (shown.amendment,)))
    data: dict[str, Any] = _plain(
        {
            "languages": list(languages),
            "title": list(shown.title),
            "authors": _authors(report),
            "date": _date(when),
            "institution": list(shown.institution),
            "department": list(shown.department),
            "running": _running(report, name.value),
            "rows": list(_rows((*shown.person, *shown.examination))),
            "sections": [
                {"lang": section.lang, "heading": section.heading, "lines": list(section.lines)}
                for section in shown.sections
            ],
            "images": word("images", languages),
            "pictures": [
                {"label": word("image", languages, n=number)}
                for number, _ in enumerate(_printed(report, pictures), start=1)
            ],
            "absent": word("images_absent", languages, n=absent) if absent else "",
            "signatures": [
                {
                    "label": made.label,
                    "name": made.name,
                    "minute": made.minute,
                    "remark": made.remark,
                }
                for made in shown.signatures
            ],
            "standing": [{"label": told.label, "value": told.value} for told in standing],
            "mark": shown.mark,
            "notice": shown.notice,
            "foot": " · ".join(filter(None, (shown.mark, report.case_id))),
            "page": {lang: word("page", (lang,)) for lang in languages},
            "content": {
                "label": f"{word('content', languages)} (SHA-256)",
                "value": report.content_sha,
            },
        }
    )
    return data


def _rows(fields: Sequence[PrintedField]) -> Iterator[list[dict[str, str]]]:
    """`fields` in order, two in a row where both fit."""
    row: list[dict[str, str]] = []
    for shown in fields:
        text = f"{shown.label} {shown.value}"
        width = sum(2 if ord(character) > 0x2E7F else 1 for character in text)
        if row and width > _HALF_LINE:
            yield row
            row = []
        row.append({"label": shown.label, "value": shown.value})
        if len(row) == 2 or width > _HALF_LINE:
            yield row
            row = []
    if row:
        yield row


def _running(report: OutgoingReport, name: str) -> str:
    """Whose report it is, for the head of every further page."""
    exam = report.examination
    numbers = (one_line(exam.patient.patient_id), one_line(exam.accession))
    return " · ".join(filter(None, (name, *numbers)))


def _authors(report: OutgoingReport) -> list[str]:
    people = (report.author, report.reviewer)
    return list(dict.fromkeys(person.name for person in people if person is not None))


def _printed(report: OutgoingReport, pictures: Sequence[Picture]) -> list[Picture]:
    """The report's key images that are at hand, in reading order."""
    known = {picture.image_id: picture for picture in pictures}
    return [known[image.image_id] for image in report.key_images if image.image_id in known]


def _date(when: datetime) -> dict[str, int]:
    utc = when.astimezone(UTC)
    names = ("year", "month", "day", "hour", "minute", "second")
    return {name: getattr(utc, name) for name in names}


def _plain(value: Any) -> Any:
    """`value` with every text as it can be printed: without what has no width."""
    if isinstance(value, str):
        return without_zero_width(value).replace("\t", " ")
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _require_printable(text: str, fonts: tuple[Path, ...]) -> None:
    require_seen(text)
    shown = "".join(character for character in text if not _IGNORABLE.match(character))
    missing = missing_character(shown, fonts)
    if missing is not None:
        raise ReportError("export_glyph_missing", character=f"U+{ord(missing):04X}")


def _svg(png: bytes) -> str:
    """A PNG within an SVG: the one form in which Typst takes pixels that lie in no file. OSError
    for one that is damaged, of which Typst would show nothing."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        picture.load()
        width, height = picture.size
    pixels = base64.b64encode(png).decode("ascii")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{pixels}"/></svg>'
    )


def _qr(content_sha: str) -> str:
    """The content hash as a QR code (ISO/IEC 18004), SVG; empty for none."""
    import segno

    if not content_sha:
        return ""
    made = io.BytesIO()
    segno.make(f"sha256:{content_sha}", error="m", micro=False).save(
        made, kind="svg", border=4, xmldecl=False, dark="#000", light="#fff"
    )
    return made.getvalue().decode("ascii")


@cache
def _template() -> bytes:
    return files("radraft.reports.export").joinpath("report.typ").read_bytes()
