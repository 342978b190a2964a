"""Which family a font file holds, and which characters it has."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from radraft.core.errors import SettingsError

if TYPE_CHECKING:
    from typst import Fonts

_SIMPLIFIED = " SC"
"""How the families end that write Chinese as it is written on the mainland: a collection has
others before them."""


@cache
def loaded_fonts(folders: tuple[Path, ...]) -> Fonts:
    """Return the fonts of `folders` and no others, read once in a process."""
    import typst

    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(folder) for folder in folders],
    )


def folders_of(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the folders that `files` lie in, each once."""
    return tuple(dict.fromkeys(file.parent for file in files))


@cache
def family(file: Path) -> tuple[str, int]:
    """Return the family of `file` that writes simplified Chinese, else its first, and which face of
    the file it is. SettingsError `export_font_unreadable` for a file that is no font."""
    faces = [face for face in loaded_fonts((file.parent,)).fonts() if face.path == str(file)]
    if not faces:
        raise SettingsError("export_font_unreadable", file=str(file))
    face = min(faces, key=lambda face: (not face.family.endswith(_SIMPLIFIED), face.index))
    return face.family, face.index


def missing_character(text: str, files: tuple[Path, ...]) -> str | None:
    """Return the first character of `text` that no font of `files` has; None where there is none.
    SettingsError `export_font_unreadable`."""
    wanted = set(text)
    for file in files:
        wanted -= _characters(file)
        if not wanted:
            return None
    return next(character for character in text if character in wanted)


@cache
def _characters(file: Path) -> frozenset[str]:
    from fontTools.ttLib import TTFont, TTLibError

    _, index = family(file)
    try:
        with TTFont(file, fontNumber=index, lazy=True) as font:
            return frozenset(map(chr, font.getBestCmap()))
    except (TTLibError, OSError):
        raise SettingsError("export_font_unreadable", file=str(file)) from None
