"""A site's languages: which its reports are written in, and what a sentence in one of two means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from radraft.reports.values import LANGS, Lang


class MissingSide(StrEnum):
    """What a site that writes in two languages makes of a sentence that stands in one."""

    BLOCK = "block"
    """Nothing is signed until it stands in both."""
    WARN = "warn"
    SILENT = "silent"


@dataclass(frozen=True)
class LanguageRule:
    """The languages of one site's reports."""

    languages: tuple[Lang, ...] = LANGS
    """What is shown, checked and signed, in the order of `LANGS`. What a report has in another
    language stays stored and is neither shown nor signed."""
    missing_side: MissingSide = MissingSide.WARN
    """Says something only of two languages."""

    def __post_init__(self) -> None:
        """Raise ValueError for no language, one that is there twice, or another order."""
        if not self.languages or self.languages != tuple(
            lang for lang in LANGS if lang in self.languages
        ):
            raise ValueError("a site's languages: one of each, in the order of LANGS")

    @property
    def both(self) -> bool:
        """Return whether reports are written in both languages."""
        return len(self.languages) == len(LANGS)


BOTH_LANGUAGES = LanguageRule()
"""What holds where a site set nothing."""


def other_language(lang: Lang) -> Lang:
    """Return the one that is not `lang`."""
    return "en" if lang == "zh" else "zh"
