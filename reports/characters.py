"""Characters that no reader can see: which are refused, and which are dropped.

What is signed must read the same everywhere. A character that turns the direction of writing shows
other words than are stored ("Trojan Source", CVE-2021-42574; Unicode TR 36, 2.1), and control
characters break the formats a report leaves in (HL7 v2 2.7, DICOM PS3.5 6.1). Both are refused,
with their place: dropping them would make of the text something that its writer did not see.
Characters without width stand between words of pasted and generated text and change nothing that is
read; they hide a word from search and comparison, so they are dropped where a machine wrote, and
refused where a person's text still holds them (the page drops them as they are typed or pasted).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from radraft.core.errors import ReportError

ZERO_WIDTH = frozenset("\u00ad\u180e\u200b\u2060\ufeff")
"""Soft hyphen, Mongolian vowel separator, zero width space, word joiner, byte order mark. Not the
joiners U+200C and U+200D, which make other letters and signs of those beside them."""
_WRITTEN = frozenset("\t\n\u200c\u200d")
_REFUSED = frozenset({"Cc", "Cf", "Cn", "Co", "Zl", "Zp"})
"""Unicode's categories: controls, formats (the direction of writing among them), unassigned and
private characters, which every machine shows as it likes, separators of lines and paragraphs."""
_IDEOGRAPHIC = range(0x20000, 0x3FFFE)
"""Planes of Han characters: one that is unassigned here may be a rare one of a newer Unicode."""


def without_zero_width(text: str) -> str:
    """Return `text`, as a machine wrote it, without characters that have no width."""
    return "".join(character for character in text if character not in ZERO_WIDTH)


def refused(text: str) -> Iterator[str]:
    """Give the characters of `text` that must not stand in it, each as `U+202E`."""
    for character in text:
        code = ord(character)
        if character in _WRITTEN or code in _IDEOGRAPHIC:
            continue
        if unicodedata.category(character) in _REFUSED:
            yield f"U+{code:04X}"


def require_visible(text: str, place: str) -> str:
    """Return `text`. ReportError `character_refused`, naming the place and the character."""
    first = next(refused(text), None)
    if first is not None:
        raise ReportError("character_refused", place=place, character=first)
    return text
