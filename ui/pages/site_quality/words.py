"""Words of the site's quality page in Chinese and English."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from radraft.eval.report.words import Both
from radraft.studies.quality.values import Reason


def word(key: str) -> Both:
    """A text of `words.yaml`. KeyError where there is none."""
    entry = _words()["words"][key]
    return Both(entry["zh"], entry["en"])


def label(code: str) -> Both:
    """A reason in two or three words; the code itself where it is another part's refusal."""
    entry = _words()["labels"].get(code)
    return Both(code, code) if entry is None else Both(entry["zh"], entry["en"])


def sentence(reason: Reason) -> Both:
    """What is wrong and what to correct."""
    from radraft.studies.quality.texts import said

    return Both(*said(reason))


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    import yaml

    text = files("radraft.ui.pages.site_quality").joinpath("words.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(text)
    return found
