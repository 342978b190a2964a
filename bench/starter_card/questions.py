"""What drafts are asked about each set: how often they say what the labels say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radraft.bench.starter_card.material import Material, Source, ready_labels
from radraft.bench.starter_card.scores import F1, BoolArray, LabelScores
from radraft.eval.clinical.score import score_labels
from radraft.eval.values import Pair, Scores, SetItem
from radraft.reports.findings.extract import extract, labelled, status
from radraft.reports.findings.schemes import scheme
from radraft.reports.values import LANGS, Certainty, Lang

AS_LABELLED = "finding_f1_micro"
FINDING_MEASURES = (
    AS_LABELLED,
    "finding_precision_micro",
    "finding_recall_micro",
    "finding_f1_macro",
)
TEXT_MEASURES = ("bleu_sacre", "bleu4_coco", "rouge_l_f1", "rouge1_f1", "rouge2_f1", "chrf")
LABELS14 = tuple(label.name for label in scheme("nih14").labels)


@dataclass(frozen=True)
class Question:
    """One way to score the reports of a set."""

    key: str
    headline: str
    """The measure that decides who is ahead."""
    measures: tuple[str, ...]
    """Those that are shown; all where empty."""
    places: tuple[int, ...]
    """Items it is about."""
    score: Callable[[Sequence[str], Lang], Scores]
    """Reports of the items at `places`, in one language."""
    langs: tuple[Lang, ...] = LANGS


def questions(material: Material, data: Path, cache: Path) -> tuple[Question, ...]:
    """All that is asked of the set."""
    match material.source:
        case Source.KERMANY:
            return (_as_labelled(material.items), _child(material.items))
        case Source.NIH14:
            return (fourteen(material.items), _ready(material.items, data, cache))
        case Source.COVID:
            return (_as_labelled(material.items), _notes(material))


def positives(items: Sequence[SetItem]) -> dict[str, int]:
    """How many items each of the 14 labels is present in."""
    truth = _truth(items)
    return {name: int(truth[:, at].sum()) for at, name in enumerate(LABELS14)}


def stated(text: str, lang: Lang) -> frozenset[str]:
    """Those of the 14 labels that a report states; what it only thinks possible is not."""
    found = labelled(text, lang, scheme("nih14"))
    return frozenset(name for name, value in found.items() if value is Certainty.PRESENT)


def present(item: SetItem) -> frozenset[str]:
    """Those of the 14 labels that an item has."""
    codes = {code for code, value in item.labels.items() if value is Certainty.PRESENT}
    return frozenset(label.name for label in scheme("nih14").labels if codes & label.codes)


def pneumonia(text: str, lang: Lang) -> Certainty | None:
    """What a report says of pneumonia; None where it is silent."""
    return status(extract(text, lang)).get("pneumonia")


def _as_labelled(items: Sequence[SetItem]) -> Question:
    """As `radraft eval run` counts: only what was labelled, present against present."""
    return _labels("as_labelled", items, range(len(items)))


def _ready(items: Sequence[SetItem], data: Path, cache: Path) -> Question:
    known = ready_labels(items, data, cache)
    places = [at for at, item in enumerate(items) if item.id in known]
    return _labels("as_labelled", [known.get(item.id, item) for item in items], places)


def _labels(key: str, items: Sequence[SetItem], places: Sequence[int]) -> Question:
    labels: list[Mapping[str, Certainty]] = [items[at].labels for at in places]
    return Question(
        key,
        AS_LABELLED,
        FINDING_MEASURES,
        tuple(places),
        lambda texts, lang: score_labels(labels, texts, lang),
    )


def _child(items: Sequence[SetItem]) -> Question:
    """Pneumonia present or absent: a report that says neither is wrong about both kinds."""
    sick = np.array([item.labels.get("pneumonia") is Certainty.PRESENT for item in items])

    def score(texts: Sequence[str], lang: Lang) -> Scores:
        said = [pneumonia(text, lang) for text in texts]
        columns = [
            [certainty is Certainty.PRESENT, certainty is Certainty.ABSENT] for certainty in said
        ]
        return LabelScores(("present", "absent"), np.stack([sick, ~sick], 1), np.array(columns))

    return Question("present_absent", F1, (), tuple(range(len(items))), score)


def fourteen(items: Sequence[SetItem]) -> Question:
    """All 14 labels of every image, a label of 0 being an absent finding."""
    truth = _truth(items)

    def score(texts: Sequence[str], lang: Lang) -> Scores:
        said = [stated(text, lang) for text in texts]
        rows = [[name in labels for name in LABELS14] for labels in said]
        return LabelScores(LABELS14, truth, np.array(rows))

    return Question("fourteen", F1, (), tuple(range(len(items))), score)


def _notes(material: Material) -> Question:
    """English drafts against the notes that came with the images."""
    places = tuple(at for at, note in enumerate(material.notes) if note)

    def score(texts: Sequence[str], lang: Lang) -> Scores:
        from radraft.eval.text.score import score_texts

        named = zip(places, texts, strict=True)
        pairs = [Pair(material.items[at].id, material.notes[at], text) for at, text in named]
        return score_texts(pairs, lang)

    return Question("notes", "rouge_l_f1", TEXT_MEASURES, places, score, ("en",))


def _truth(items: Sequence[SetItem]) -> BoolArray:
    return np.array([[name in present(item) for name in LABELS14] for item in items])
