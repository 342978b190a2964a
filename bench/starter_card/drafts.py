"""How good the drafts are, beside reports that nobody drafted; through the product's own line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radraft.bench.starter_card.baselines import blank, common_note, majority, retrieved, shuffled
from radraft.bench.starter_card.examples import examples
from radraft.bench.starter_card.material import Material, Source
from radraft.bench.starter_card.questions import Question, positives
from radraft.bench.starter_card.scores import as_json, difference, figures
from radraft.bench.starter_card.values import System, groups, system
from radraft.core import canonical
from radraft.eval.bootstrap import RESAMPLES
from radraft.eval.clinical.agreement import score_agreement
from radraft.eval.draft_set import PASSING, Model, draft_set
from radraft.eval.looks.calibration import wilson
from radraft.eval.result import rounded
from radraft.eval.values import NOT_COVERED, Drafted, IntArray, Scores
from radraft.finetune.starter.compose import bank
from radraft.reports.findings.extract import claims_prior

DRAFT = "draft"
NOTE, COMMON_NOTE = "retrieved_note", "common_note"

Progress = Callable[[str, int, int], None]


def inputs(material: Material, model: Model) -> dict[str, Any]:
    """What the figures of a set depend on."""
    return {"set": material.sha, "model": model.sha, "sentences": asdict(bank())}


def measure(
    material: Material,
    asked: Sequence[Question],
    neighbours: IntArray,
    model: Model,
    keep: Path,
    *,
    resamples: int = RESAMPLES,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Any]:
    """Drafts the set from its own images, from a grey one and from other patients' images, and
    scores all that beside the majority's and the nearest training image's report.

    `neighbours`: for each item the place of its nearest training image in `material.pool`. What is
    drafted is kept in `keep`, as `draft_set` does.
    """
    items = material.items

    def moved(what: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(what, done, total)

    drafts = draft_set(items, model, keep=keep, progress=moved(DRAFT))
    systems = [
        system(DRAFT, drafts),
        system("blank", blank(items, model, keep, moved("blank"))),
        system("shuffled", shuffled(drafts, items, material.patients, model, keep)),
        system("majority", majority(items, material.pool)),
        system("retrieval", retrieved(items, material.pool, neighbours)),
    ]
    found = {
        "set": canonical.plain(material.chosen.card),
        "limit": material.limit,
        "items": len(items),
        "patients": len(set(material.patients)),
        "drafts": written(drafts, material, resamples),
        "scores": {
            study.key: _scored(
                study, systems + _notes(study, material, neighbours), material, resamples
            )
            for study in asked
        },
        "examples": [canonical.plain(example) for example in examples(material, drafts)],
    }
    if material.source is Source.NIH14:
        found["positives"] = positives(items)
    return found


def written(drafts: Sequence[Drafted], material: Material, resamples: int) -> dict[str, Any]:
    """What can be said of drafts without knowing what is right."""
    codes = Counter(draft.failed for draft in drafts if draft.failed is not None)
    there = [at for at, one in enumerate(drafts) if one.failed is None]
    # A server that was away says nothing of the model's answers.
    answered = len(there) + sum(
        count for code, count in codes.items() if code not in PASSING | {NOT_COVERED}
    )
    reports = [(drafts[at].zh, drafts[at].en) for at in there]
    sentences = [(zh, en) for report in reports for zh, en in zip(*report, strict=True)]
    prior = sum(claims_prior(zh, "zh") or claims_prior(en, "en") for zh, en in sentences)
    repeated = sum(len(set(zip(zh, en, strict=True))) < len(zh) for zh, en in reports)
    low, high = wilson(len(there), answered) if answered else (None, None)
    found: dict[str, Any] = {
        "drafted": len(there),
        "failed": dict(sorted(codes.items())),
        "answered": answered,
        "valid_format": {
            "value": rounded(len(there) / answered) if answered else None,
            "low": rounded(low),
            "high": rounded(high),
        },
        "sentences": len(sentences),
        "claim_a_prior": prior,
        "with_a_repeated_sentence": repeated,
        "different": len(set(reports)),
    }
    if there:
        patients = groups([material.patients[at] for at in there])
        scores = score_agreement(reports)
        found["agreement"] = as_json(figures(scores, patients, resamples=resamples))
    return found


def _notes(question: Question, material: Material, neighbours: IntArray) -> list[System]:
    """Notes of other patients, where drafts are compared with notes."""
    if question.key != "notes":
        return []
    near = tuple(material.pool[int(at)].note or "-" for at in neighbours)
    common = (common_note(material.pool),) * len(near)
    return [System(NOTE, near, near), System(COMMON_NOTE, common, common)]


def _scored(
    question: Question, systems: Sequence[System], material: Material, resamples: int
) -> dict[str, Any]:
    patients = groups([material.patients[at] for at in question.places])
    scores = {
        lang: {
            system.name: question.score([system.texts(lang)[at] for at in question.places], lang)
            for system in systems
        }
        for lang in question.langs
    }

    def ahead(by_system: Mapping[str, Scores], other: str) -> dict[str, Any]:
        return vars(
            difference(
                by_system[DRAFT],
                by_system[other],
                question.headline,
                patients,
                resamples=resamples,
            )
        )

    return {
        "n": len(question.places),
        "patients": len(patients),
        "headline": question.headline,
        "systems": {
            system.name: {
                lang: as_json(
                    figures(scores[lang][system.name], patients, resamples=resamples),
                    question.measures or None,
                )
                for lang in question.langs
            }
            for system in systems
        },
        "ahead": {
            system.name: {lang: ahead(scores[lang], system.name) for lang in question.langs}
            for system in systems
            if system.name != DRAFT
        },
    }
