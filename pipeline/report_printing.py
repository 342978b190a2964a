"""Signed reports as people take them along: plain text and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import NotFound, SettingsError
from radraft.pipeline.institutions import institution
from radraft.pipeline.outgoing import read_signed
from radraft.reports.export.pdf import Picture, pdf
from radraft.reports.export.text import plain_text
from radraft.store import cases, images

if TYPE_CHECKING:
    from radraft.core.settings import Settings
    from radraft.reports.export.values import OutgoingReport
    from radraft.reports.values import Lang
    from radraft.store.database import Store

SYSTEM_FONTS = (
    Path("/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc"),
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
)
"""Where Debian's fonts-noto-cjk puts them, in the order of preference."""


class ReportPrinting:
    """Signed reports of `store` as text and as PDF."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def text(self, case_id: str, lang: Lang) -> str:
        """Return the newest signed version as plain text with labels in `lang`. Errors as
        `read_signed`; SettingsError `institutions_invalid`."""
        return plain_text(self._newest(case_id), lang)

    def pdf(self, case_id: str) -> bytes:
        """Return the newest signed version as PDF. Errors as `text` and `printed_pdf`."""
        return printed_pdf(self._store, self._settings, self._newest(case_id))

    def _newest(self, case_id: str) -> OutgoingReport:
        with self._store.read() as session:
            site = cases.get_case(session, case_id).site
            return read_signed(session, case_id, institution=institution(self._settings, site))


def printed_pdf(store: Store, settings: Settings, report: OutgoingReport) -> bytes:
    """Return `report` as PDF with its key images. Errors as `pdf`; SettingsError
    `export_font_missing`; StorageDamaged `image_damaged`."""
    return pdf(report, pictures(store, report), report_fonts(settings))


def pictures(store: Store, report: OutgoingReport) -> tuple[Picture, ...]:
    """Return the key images of `report` that are still kept."""
    found: list[Picture] = []
    for image in report.key_images:
        try:
            png = images.png(store.objects, image.image_id)
        except NotFound:
            # A retention rule dropped it: the page says how many are not shown.
            continue
        found.append(Picture(image.image_id, png))
    return tuple(found)


def report_fonts(settings: Settings) -> tuple[Path, ...]:
    """Return the font files that reports are printed with: those that the settings name, then those
    of the system. SettingsError `export_font_missing` where there is none; `export_font_unreadable`
    where one that is named is not there."""
    for file in settings.export_fonts:
        if not file.is_file():
            raise SettingsError("export_font_unreadable", file=str(file))
    fonts = (*settings.export_fonts, *(font for font in SYSTEM_FONTS if font.is_file()))
    if not fonts:
        raise SettingsError("export_font_missing")
    return fonts
