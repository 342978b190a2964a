"""Drafts a set from changed images and measures what that costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from radraft.core.errors import EvalError
from radraft.eval.bootstrap import RESAMPLES, SEED, interval, resample
from radraft.eval.looks.sides import Read, flips, mirrored_item
from radraft.eval.looks.values import ALL, Change, Changed, Drop, Flips, Looks, Perturbation
from radraft.eval.looks.verdict import verdict
from radraft.eval.values import Better, Drafted, FloatArray, Pair, Scores, SetItem
from radraft.reports.findings.extract import extract
from radraft.reports.values import LANGS, Lang

Draft = Callable[[Perturbation | None], Sequence[Drafted]]
"""Drafts the whole set, in its order; `draft_set` with everything but the perturbation given."""
Score = Callable[[Sequence[SetItem], Sequence[str], Lang], Mapping[str, tuple[Scores, int]]]
"""Scores, and of how many reports, by section: of texts in one language, a text an item."""

SIDED = ("text_", "clinical_")
"""Sections whose reference has sides."""


def run(
    items: Sequence[SetItem],
    draft: Draft,
    *,
    model_id: str,
    perturbations: Sequence[Perturbation] = ALL,
    score: Score | None = None,
    read: Read = extract,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Looks:
    """What every measure loses when the images are changed, and what that says of the model.

    Only items drafted both ways are compared. EvalError `eval_looks_drafts_disagree` where `draft`
    does not answer item for item.
    """
    judge = _Judge(score or sections, read, resamples, seed)
    true = _drafted(items, draft(None))
    changes = tuple(
        judge.changed(perturbation, items, true, _drafted(items, draft(perturbation)))
        for perturbation in perturbations
    )
    reports = sum(draft.failed is None for draft in true)
    return Looks(model_id, reports, len(items), changes, verdict(changes))


def sections(
    items: Sequence[SetItem], texts: Sequence[str], lang: Lang
) -> dict[str, tuple[Scores, int]]:
    """`text_LANG` and `clinical_LANG` over the items with a reference report in that language,
    `labels_LANG` over those with labels; a section that has no item is not there."""
    from radraft.eval.clinical.score import score_clinical, score_labels

    found: dict[str, tuple[Scores, int]] = {}
    pairs, priors = [], []
    for item, text in zip(items, texts, strict=True):
        reference = item.report(lang)
        if reference:
            pairs.append(Pair(item.id, reference, text))
            priors.append(item.has_prior)
    if pairs:
        from radraft.eval.text.score import score_texts

        found[f"text_{lang}"] = score_texts(pairs, lang), len(pairs)
        found[f"clinical_{lang}"] = score_clinical(pairs, lang, priors), len(pairs)
    known = [(item.labels, text) for item, text in zip(items, texts, strict=True) if item.labels]
    if known:
        labels, hyps = zip(*known, strict=True)
        found[f"labels_{lang}"] = score_labels(labels, hyps, lang), len(hyps)
    return found


def text_of(draft: Drafted, lang: Lang) -> str:
    """A draft's sentences as one text."""
    return "".join(draft.zh) if lang == "zh" else " ".join(draft.en)


def drops(true: Scores, changed: Scores, n: int, resamples: int, seed: int) -> tuple[Drop, ...]:
    """What each measure loses. Both are scores of the same `n` reports in the same order, so the
    same seed draws pairs (Koehn, EMNLP 2004)."""
    one = resample(true, n, resamples=resamples, seed=seed)
    other = resample(changed, n, resamples=resamples, seed=seed)
    before, after = true.corpus(), changed.corpus()
    found = []
    for measure in true.measures:
        name = measure.name
        sign = -1.0 if measure.better is Better.LOWER else 1.0
        # Plus zero: a drop of minus zero would be printed as one.
        values: FloatArray = sign * (one[name] - other[name]) + 0.0
        first, second = _defined(before[name]), _defined(after[name])
        both = first is not None and second is not None
        bounds = interval(values) if both else None
        found.append(
            Drop(
                name,
                measure.better,
                first,
                second,
                _loss(sign, first, second),
                bounds.low if bounds else None,
                bounds.high if bounds else None,
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class _Judge:
    score: Score
    read: Read
    resamples: int
    seed: int

    def changed(
        self,
        perturbation: Perturbation,
        items: Sequence[SetItem],
        true: Sequence[Drafted],
        other: Sequence[Drafted],
    ) -> Changed:
        """One perturbation against the true images."""
        both = [
            (item, a, b)
            for item, a, b in zip(items, true, other, strict=True)
            if a.failed is None and b.failed is None
        ]
        known = [item for item, _, _ in both]
        before, after = [a for _, a, _ in both], [b for _, _, b in both]
        mirrored = perturbation.change is Change.MIRRORED
        return Changed(
            perturbation=perturbation,
            reports=len(both),
            failed=sum(
                a.failed is None and b.failed is not None for a, b in zip(true, other, strict=True)
            ),
            unchanged=sum((a.zh, a.en) == (b.zh, b.en) for a, b in zip(before, after, strict=True)),
            sentences_kept=sentences_kept(before, after),
            drops=self._drops(known, before, known, after),
            against_mirrored=(
                self._drops(known, before, list(map(mirrored_item, known)), after, SIDED)
                if mirrored
                else {}
            ),
            flips=_flips(before, after, self.read) if mirrored else {},
        )

    def _drops(
        self,
        items: Sequence[SetItem],
        before: Sequence[Drafted],
        other_items: Sequence[SetItem],
        after: Sequence[Drafted],
        prefixes: tuple[str, ...] = ("",),
    ) -> dict[str, tuple[Drop, ...]]:
        found: dict[str, tuple[Drop, ...]] = {}
        if not items:
            return found
        for lang in LANGS:
            one = self.score(items, [text_of(draft, lang) for draft in before], lang)
            other = self.score(other_items, [text_of(draft, lang) for draft in after], lang)
            for name, (scores, n) in one.items():
                if name.startswith(prefixes):
                    found[name] = drops(scores, other[name][0], n, self.resamples, self.seed)
        return found


def sentences_kept(before: Sequence[Drafted], after: Sequence[Drafted]) -> float | None:
    """Share of the sentence pairs of `before` that the draft of the same item in `after` has too,
    word for word; None where there are none."""
    kept = total = 0
    for a, b in zip(before, after, strict=True):
        there = set(zip(b.zh, b.en, strict=True))
        own = list(zip(a.zh, a.en, strict=True))
        total += len(own)
        kept += sum(pair in there for pair in own)
    return kept / total if total else None


def _flips(before: Sequence[Drafted], after: Sequence[Drafted], read: Read) -> dict[Lang, Flips]:
    return {
        lang: flips(
            [text_of(draft, lang) for draft in before],
            [text_of(draft, lang) for draft in after],
            lang,
            read,
        )
        for lang in LANGS
    }


def _drafted(items: Sequence[SetItem], found: Sequence[Drafted]) -> Sequence[Drafted]:
    if [item.id for item in items] != [draft.id for draft in found]:
        raise EvalError("eval_looks_drafts_disagree", items=len(items), drafts=len(found))
    return found


def _loss(sign: float, first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else sign * (first - second) + 0.0


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
