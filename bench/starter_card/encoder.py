"""How well the encoder answers its questions, with what it sees and without."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.bench.starter_card.features import Covered, Features, features, images_sha
from radraft.bench.starter_card.linear import chosen
from radraft.bench.starter_card.scores import MEAN, AurocScores, figures
from radraft.bench.starter_card.values import groups
from radraft.core.file_hash import file_sha256
from radraft.eval.bootstrap import RESAMPLES
from radraft.eval.cache import Cache
from radraft.eval.values import FloatArray
from radraft.finetune.starter.teacher import CHILD, FINDINGS, NORMAL
from radraft.vision_encoder.train.data import Row
from radraft.vision_encoder.train.recipe import EncoderRecipe

if TYPE_CHECKING:
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.heads import Heads
    from radraft.vision_encoder.shipped import Edition

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "kermany": (CHILD, "bacterial_pneumonia"),
    "nih14": (*FINDINGS, NORMAL),
}
"""Set of the recipe -> heads that its test split answers."""
AVERAGED = {"nih14": FINDINGS}
LEAST = 3
"""Positives below which a finding is left out."""

Similar = Callable[[FloatArray, Sequence[str]], FloatArray]
"""(n, e) image embeddings and m sentences -> (n, m), larger where a sentence fits better."""
Move = Callable[[str, float], None]


@dataclass(frozen=True)
class Seeing:
    """The encoder that is shipped, and what it is compared with."""

    trained: Encoder
    heads: Heads
    similar: Similar | None
    """None for an edition that is shipped without its text tower."""
    text_sha: str | None
    """Of the text tower's file, which `similar` rests on."""
    untrained: Encoder
    """The same trunk as ImageNet left it."""


def open_seeing(cache_dir: Path, edition: Edition = 1) -> Seeing:
    """The edition's encoder, and the ImageNet trunk from the cache, built first where need be. Both
    are shown films in the edition's look."""
    from radraft.llm.pins import WITH_TEXT_TOWER
    from radraft.vision_encoder import shipped, weights
    from radraft.vision_encoder.config import load_config
    from radraft.vision_encoder.encode import Encoder
    from radraft.vision_encoder.tower import ShippedTower

    folder = shipped.FOLDERS[edition]
    trained, config = Encoder.load(folder), shipped.config_of(folder)
    start = weights.build(cache_dir)
    sha = file_sha256(start / weights.IMAGE_FILE)
    untrained = Encoder(
        ShippedTower(weights.load_visual(start), config),
        f"imagenet@{sha[:16]}" if config == load_config() else f"imagenet-{config.name}@{sha[:16]}",
        # Heads of the other encoder, which nobody asks here.
        trained.heads,
        workers=len(os.sched_getaffinity(0)),
    )
    if edition not in WITH_TEXT_TOWER:
        return Seeing(trained, trained.heads, None, None, untrained)
    both = shipped.load_model(folder)

    def similar(pooled: FloatArray, sentences: Sequence[str]) -> FloatArray:
        found = shipped.similarity(both, pooled.astype(np.float32), sentences)
        return found.astype(np.float64)

    text_sha = file_sha256(folder / weights.TEXT_FILE)
    return Seeing(trained, trained.heads, similar, text_sha, untrained)


def inputs(recipe: EncoderRecipe, rows: Sequence[Row], seeing: Seeing) -> dict[str, Any]:
    """What the figures depend on."""
    used = [row for row in rows if row.source in QUESTIONS]
    return {
        "encoder": seeing.trained.encoder_id,
        "text": seeing.text_sha,
        "untrained": seeing.untrained.encoder_id,
        "images": images_sha([row.path for row in used]),
        "answers": [[row.split, row.patient, dict(row.answers)] for row in used],
        "heads": [head.id for head in recipe.heads],
    }


def measure(
    recipe: EncoderRecipe,
    rows: Sequence[Row],
    seeing: Seeing,
    cache: Cache,
    *,
    resamples: int = RESAMPLES,
    move: Move = lambda text, part: None,
) -> dict[str, Any]:
    """Per set: images, patients, and each question's AUROC on the test split, by what was shown to
    whom (`trained`, `untrained`, `lungs_covered`, `border_covered`, and with a text tower
    `zero_shot_zh`, `zero_shot_en`)."""
    return {
        source: _Source(source, recipe, rows, seeing, cache, resamples, move).measured()
        for source in QUESTIONS
    }


@dataclass(frozen=True)
class _Source:
    name: str
    recipe: EncoderRecipe
    rows: Sequence[Row]
    seeing: Seeing
    cache: Cache
    resamples: int
    move: Move

    def measured(self) -> dict[str, Any]:
        test = self._of("test")
        answers = self._answers(test, QUESTIONS[self.name])
        yes, no = (answers == 1).sum(0), (answers == 0).sum(0)
        kept = np.flatnonzero((yes >= LEAST) & (no >= LEAST))
        heads = tuple(QUESTIONS[self.name][at] for at in kept)
        averaged = tuple(head for head in AVERAGED.get(self.name, ()) if head in heads)
        patients = groups([row.patient for row in test])

        def judged(scores: FloatArray) -> dict[str, Any]:
            found = figures(
                AurocScores(heads, scores, answers[:, kept], averaged),
                patients,
                resamples=self.resamples,
            )
            return {name: vars(one) for name, one in found.items()}

        ways = {name: judged(scores) for name, scores in self._ways(test, heads).items()}
        asked = (*heads, *((MEAN,) if averaged else ()))
        return {
            "images": len(test),
            "patients": len(patients),
            "averaged": list(averaged),
            "positives": {head: int(yes[at]) for head, at in zip(heads, kept, strict=True)},
            "negatives": {head: int(no[at]) for head, at in zip(heads, kept, strict=True)},
            "auroc": {head: {way: found[head] for way, found in ways.items()} for head in asked},
        }

    def _ways(self, test: Sequence[Row], heads: Sequence[str]) -> dict[str, FloatArray]:
        """Way -> (images, heads) scores of the test images."""
        true = self._features(test, self.seeing.trained)
        found = {"trained": self._logits(true, heads), "untrained": self._linear(test, heads)}
        for covered in (Covered.LUNGS, Covered.BORDER):
            seen = self._features(test, self.seeing.trained, covered)
            found[f"{covered.value}_covered"] = self._logits(seen, heads)
        return found | self._zero_shot(true, heads)

    def _logits(self, seen: Features, heads: Sequence[str]) -> FloatArray:
        ours = self.seeing.heads
        columns = [ours.ids.index(head) for head in heads]
        logits = [ours.logits(mean[None].astype(np.float32))[columns] for mean in seen.mean]
        return np.stack(logits).astype(np.float64)

    def _linear(self, test: Sequence[Row], heads: Sequence[str]) -> FloatArray:
        """Logits of a regression on the untrained trunk's pooled features."""
        train, valid = (
            (self._features(rows, self.seeing.untrained).mean, self._answers(rows, heads))
            for rows in (self._of("train"), self._of("valid"))
        )
        model = chosen(train, valid)
        return model.logits(self._features(test, self.seeing.untrained).mean)

    def _zero_shot(self, true: Features, heads: Sequence[str]) -> dict[str, FloatArray]:
        """How much better the sentence that says yes fits than the one that says no; nothing
        without a text tower."""
        similar = self.seeing.similar
        if similar is None:
            return {}
        asked = {head.id: head for head in self.recipe.heads}
        found = {}
        for place, lang in enumerate(("zh", "en")):
            yes, no = (
                similar(true.pooled, [asked[head].sentences(present)[place] for head in heads])
                for present in (True, False)
            )
            found[f"zero_shot_{lang}"] = (yes - no).astype(np.float64)
        return found

    def _features(
        self, rows: Sequence[Row], encoder: Encoder, covered: Covered = Covered.NOTHING
    ) -> Features:
        what = "trained" if encoder is self.seeing.trained else "untrained"
        text = f"{self.name}: {what} encoder, {covered.value} covered"
        return features(
            [row.path for row in rows],
            encoder,
            self.cache,
            covered=covered,
            progress=lambda done, total: self.move(text, done / total),
        )

    def _of(self, split: str) -> list[Row]:
        return [row for row in self.rows if row.source == self.name and row.split == split]

    def _answers(self, rows: Sequence[Row], heads: Sequence[str]) -> FloatArray:
        nan = float("nan")
        return np.array([[float(row.answers.get(head, nan)) for head in heads] for row in rows])
