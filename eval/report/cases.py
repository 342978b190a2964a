"""The reports that went worst, with the words that are wrong marked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radraft.eval.clinical.compare import Breakdown
from radraft.eval.clinical.score import score_clinical, score_labels
from radraft.eval.result import Section
from radraft.eval.values import FloatArray, Pair
from radraft.reports.findings.extract import extract
from radraft.reports.findings.vocabulary import lineage
from radraft.reports.values import Certainty, Lang

MOST = 6
_PICTURE = 512
"""Longest edge of a shown picture, in pixels."""


@dataclass(frozen=True)
class Span:
    """A piece of a text; `kind` is empty, `hallucinated`, `missed` or `wrong_side`."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Column:
    """One language of one report."""

    lang: Lang
    ref: tuple[Span, ...] | None
    """None where there are only labels."""
    hyp: tuple[Span, ...]
    """Empty where nothing could be drafted."""
    errors: Breakdown


@dataclass(frozen=True)
class Case:
    """One report or study among the worst."""

    id: str
    columns: tuple[Column, ...]
    labels: Mapping[str, Certainty] | None = None
    failed: str | None = None
    picture: str | None = None
    """PNG as a data URL."""


def worst(section: Section, most: int = MOST) -> tuple[int, ...]:
    """Places of the worst reports of a `clinical_*` or `labels_*` section, worst first.

    By severity score where there are references; otherwise, and among equals, by the number of
    findings hallucinated or missed. A report without any error is never among them.
    """
    values = section.per_report
    errors = np.nan_to_num(values["hallucinated_per_report"] + values["missed_per_report"])
    severity = values.get("severity_score_sided")
    score: FloatArray = -errors if severity is None else np.nan_to_num(severity, nan=1.0) - 1
    order = sorted(range(section.n), key=lambda at: (score[at], -errors[at], section.ids[at]))
    return tuple(at for at in order if errors[at] > 0 or score[at] < 0)[:most]


def against_report(pair: Pair, lang: Lang, *, failed: bool = False) -> Column:
    """Reference and hypothesis with their errors marked."""
    errors = score_clinical([pair], lang).breakdown(0)
    sides = set(errors.wrong_side)
    ref = _marked(pair.ref, lang, {"missed": set(errors.missed), "wrong_side": sides})
    hyp = _marked(pair.hyp, lang, {"hallucinated": set(errors.hallucinated), "wrong_side": sides})
    return Column(lang, ref, () if failed else hyp, errors)


def against_labels(
    labels: Mapping[str, Certainty], hyp: str, lang: Lang, *, failed: bool
) -> Column:
    """A hypothesis with what contradicts the labels marked."""
    errors = score_labels([labels], [hyp], lang).breakdown(0)
    spans = _marked(hyp, lang, {"hallucinated": set(errors.hallucinated)})
    return Column(lang, None, () if failed else spans, errors)


def picture(study: Path) -> str | None:
    """The first key image of a study as a PNG data URL; None where it cannot be drawn."""
    import base64
    import io
    import tempfile

    from PIL import Image

    from radraft.core.errors import StudyRejected
    from radraft.studies.deidentify import deidentify
    from radraft.studies.key_images import key_images
    from radraft.studies.quality import check
    from radraft.studies.read import read

    with tempfile.TemporaryDirectory() as work:
        found = read(study, Path(work)).studies
        try:
            # The key only names the case; nothing of it is shown.
            images = key_images(deidentify(check(found[0]), bytes(32))).images
        except (StudyRejected, IndexError):
            return None
    shown = Image.fromarray(images[0].pixels)
    shown.thumbnail((_PICTURE, _PICTURE))
    buffer = io.BytesIO()
    shown.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _marked(text: str, lang: Lang, kinds: Mapping[str, Collection[str]]) -> tuple[Span, ...]:
    """`text` in pieces: words that name a present finding of `kinds` carry that kind."""
    spans: list[Span] = []
    at = 0
    for mention in extract(text, lang):
        kind = next((kind for kind, codes in kinds.items() if _names(mention.code, codes)), None)
        if kind is None or mention.polarity is not Certainty.PRESENT or mention.start < at:
            continue
        if mention.start > at:
            spans.append(Span(text[at : mention.start]))
        spans.append(Span(text[mention.start : mention.end], kind))
        at = mention.end
    if at < len(text):
        spans.append(Span(text[at:]))
    return tuple(spans)


def _names(code: str, codes: Collection[str]) -> bool:
    return any(ancestor in codes for ancestor in lineage(code))
