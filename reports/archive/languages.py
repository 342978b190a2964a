"""In which language a text is."""

from __future__ import annotations

import re

from radraft.reports.values import Lang

_HAN = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[A-Za-z]")
CHINESE_SHARE = 0.2
"""Share of Chinese characters from which a text is Chinese: abbreviations and units are Latin."""


def language_of(text: str) -> Lang:
    """Return the language of a report."""
    han, latin = len(_HAN.findall(text)), len(_LETTER.findall(text))
    return "zh" if han > CHINESE_SHARE * (han + latin) else "en"
