"""Words of the site's quality page."""

from __future__ import annotations

from radraft.eval.report.words import Both, Words
from radraft.reports.values import Lang
from radraft.studies.quality.values import Reason

word = Words("radraft.ui.pages.site_quality")


def label(code: str) -> Both:
    """Return a reason in two or three words; the code itself where it has none."""
    return word.named(code, "labels")


def sentence(reason: Reason) -> Both:
    """Return what is wrong and what to correct."""
    from radraft.studies.quality.texts import said

    return Both(*said(reason))


def named(name: str, lang: Lang) -> str:
    """Return a device or an operator; what is said where none was sent."""
    return name or word("not_sent").get(lang)
