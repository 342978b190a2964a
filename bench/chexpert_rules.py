"""A re-implementation of rule labelers from before, to stand beside ours: not part of the product.

Phrase lists of the CheXpert labeler (Irvin et al., AAAI 2019; MIT), read from ../shared/data, with
the triggers of NegEx (Chapman et al., 2001) in place of the labeler's dependency patterns, which
need a parser. And the names of the 14 findings of ChestX-ray14 with the same triggers.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

SHARED = Path(__file__).resolve().parents[1] / "../shared/data/metric_goldens/chexpert_labeler"

# NegEx triggers as in its published lists, with the labeler's own words for normality.
_NEGATED_BEFORE = re.compile(
    r"\b(no|not|without|negative for|free of|absence of|absent|denies|rule[sd]? out|ruled out|"
    r"no evidence of|resolution of|removal of|rather than|clear of|cleared of|never|nor)\b"
)
_NEGATED_AFTER = re.compile(
    r"\b(is|are|was|were|been) (not (seen|identified|present|visualized|evident|enlarged)|absent|"
    r"ruled out|resolved|removed)|\b(has|have) (resolved|cleared|been removed)|\bno longer\b"
)
_NORMAL = re.compile(
    r"\b(normal|unremarkable|within normal limits|upper limits of normal|not enlarged|clear)\b"
)
_DOUBT = re.compile(
    r"\b(possibl[ey]|may|might|could|would|cannot|question(able)?|suspect(ed)?|suspicious|"
    r"concern(ing)?|versus|vs|or|and/or|not excluded|worrisome|probabl[ey]|presumably|favor(ed)?|"
    r"suggestion|suggest)\b"
)
_ENDS = re.compile(
    r"\b(but|however|although|though|except|aside from|which|with|there (is|are))\b|;"
)
_SENTENCE = re.compile(r"[^.\n]+")

# CheXpert observation -> column of the gold, where the two mean the same.
SHARED_LABELS = {
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "pleural_effusion": "Effusion",
    "pneumonia": "Pneumonia",
    "pneumothorax": "Pneumothorax",
    "consolidation": "Consolidation",
    "edema": "Edema",
}
_NAMES = {
    "Atelectasis": ("atelectasis", "atelectases", "atelectatic"),
    "Cardiomegaly": ("cardiomegaly", "enlarged heart", "heart is enlarged", "cardiac enlargement"),
    "Effusion": ("effusion",),
    "Infiltration": ("infiltrate", "infiltration"),
    "Mass": ("mass",),
    "Nodule": ("nodule",),
    "Pneumonia": ("pneumonia",),
    "Pneumothorax": ("pneumothorax", "pneumothoraces"),
    "Consolidation": ("consolidation",),
    "Edema": ("edema",),
    "Emphysema": ("emphysema",),
    "Fibrosis": ("fibrosis",),
    "Pleural_Thickening": ("pleural thickening",),
    "Hernia": ("hernia",),
}


def chexpert(text: str, *, doubt_counts: bool) -> set[str]:
    """Labels of SHARED_LABELS stated by the CheXpert phrases; with doubtful ones if asked."""
    return _labels(text, _chexpert_phrases(), doubt_counts)


def names(text: str, *, doubt_counts: bool) -> set[str]:
    """The 14 labels by their names."""
    return _labels(text, {label: (_NAMES[label], ()) for label in _NAMES}, doubt_counts)


@cache
def _chexpert_phrases() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    return {
        label: (_lines("mention", name), _lines("unmention", name))
        for name, label in SHARED_LABELS.items()
    }


def _lines(kind: str, name: str) -> tuple[str, ...]:
    path = SHARED / "phrases" / kind / f"{name}.txt"
    if not path.is_file():
        return ()
    return tuple(line.replace("_", " ") for line in path.read_text().splitlines() if line.strip())


def _labels(
    text: str,
    phrases: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
    doubt_counts: bool,
) -> set[str]:
    found: set[str] = set()
    for match in _SENTENCE.finditer(text.lower()):
        sentence = match.group()
        for label, (said, unsaid) in phrases.items():
            for phrase in said:
                at = sentence.find(phrase)
                if at < 0 or any(word in sentence for word in unsaid):
                    continue
                if _counts(sentence, at, at + len(phrase), doubt_counts):
                    found.add(label)
    return found


def _counts(sentence: str, start: int, end: int, doubt_counts: bool) -> bool:
    before = _after_last(_ENDS, sentence[:start])
    after = _ENDS.split(sentence[end:], maxsplit=1)[0]
    if _NEGATED_BEFORE.search(before) or _NEGATED_AFTER.search(after):
        return False
    if _NORMAL.search(before) or _NORMAL.search(after):
        return False
    doubtful = _DOUBT.search(before) or _DOUBT.search(after)
    return doubt_counts or not doubtful


def _after_last(pattern: re.Pattern[str], text: str) -> str:
    ends = [match.end() for match in pattern.finditer(text)]
    return text[ends[-1] :] if ends else text
