"""Kept stages with made-up figures, every one of them different."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from radraft.bench.starter_card.card import CLINICAL, TEXT
from radraft.bench.starter_card.encoder import QUESTIONS
from radraft.bench.starter_card.questions import LABELS14
from radraft.bench.starter_card.tables import WAYS

SYSTEMS = ("draft", "blank", "shuffled", "majority", "retrieval")
MADE = "2026-11-22"


def stages(name: str = "starter", ways: Sequence[str] = tuple(WAYS)) -> dict[str, Any]:
    """All stages of an evaluation of the profile `name`; `ways`: how its encoder saw films."""
    numbers = _numbers()
    clinical = tuple(CLINICAL)
    fourteen = ("f1_micro", "precision_micro", "recall_micro", "f1_macro")
    by_label = tuple(f"f1/{label}" for label in LABELS14)
    child = ("f1_micro", "f1/present", "f1/absent")
    notes = _scores(numbers, "rouge_l_f1", tuple(TEXT), ("en",), ("retrieved_note", "common_note"))
    values = {
        "facts": _facts(name),
        "encoder": _encoder(numbers, ways),
        "draft_kermany": _drafts(
            numbers,
            {
                "present_absent": _scores(numbers, "f1_micro", child),
                "as_labelled": _scores(numbers, "finding_f1_micro", clinical),
            },
        ),
        "draft_nih14": {
            **_drafts(
                numbers,
                {
                    "fourteen": _scores(numbers, "f1_micro", (*fourteen, *by_label)),
                    "as_labelled": _scores(numbers, "finding_f1_micro", clinical),
                },
            ),
            "positives": dict.fromkeys(LABELS14, 7),
        },
        "draft_covid": _drafts(
            numbers,
            {"as_labelled": _scores(numbers, "finding_f1_micro", clinical), "notes": notes},
        ),
        "speed": {
            "machine": "2 cores (test), 24 GiB",
            "reports_alone": 5,
            "seconds_alone": 4.56,
            "at_once": 16,
            "seconds_of_all_at_once": 17.89,
            "seconds_each_at_once": 1.12,
            "tokens_each": 88.25,
            "tokens_most": 130,
            "encoder_images": 48,
            "encoder_images_per_s": 23.4,
        },
    }
    return {
        name: {"inputs_sha": "0" * 64, "made": MADE, "values": value}
        for name, value in values.items()
    }


def figure(value: float | None, half: float = 0.02) -> dict[str, Any]:
    """A figure with an interval around it."""
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value - half, "high": value + half}


def numbers_of(value: Any) -> Iterator[float]:
    """Every number that a plain value holds."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from numbers_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from numbers_of(one)
    elif isinstance(value, int | float):
        yield float(value)


def _numbers() -> Iterator[float]:
    return (0.1 + number * 0.0013 for number in count())


def _encoder(numbers: Iterator[float], ways: Sequence[str]) -> dict[str, Any]:
    found = {}
    for source, heads in QUESTIONS.items():
        averaged = [head for head in heads if head != "no_finding"] if source == "nih14" else []
        asked = (*heads, *(("mean",) if averaged else ()))
        found[source] = {
            "images": 100,
            "patients": 80,
            "averaged": averaged,
            "positives": dict.fromkeys(heads, 40),
            "negatives": dict.fromkeys(heads, 60),
            "auroc": {head: {way: figure(next(numbers)) for way in ways} for head in asked},
        }
    return found


def _scores(
    numbers: Iterator[float],
    headline: str,
    measures: Sequence[str],
    langs: Sequence[str] = ("zh", "en"),
    more: Sequence[str] = (),
) -> dict[str, Any]:
    names = (*SYSTEMS, *more)
    return {
        "n": 90,
        "patients": 70,
        "headline": headline,
        "systems": {
            name: {lang: {measure: figure(next(numbers)) for measure in measures} for lang in langs}
            for name in names
        },
        "ahead": {
            name: {lang: figure(next(numbers)) for lang in langs}
            for name in names
            if name != "draft"
        },
    }


def _drafts(numbers: Iterator[float], scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "set": {"name": "made up"},
        "limit": None,
        "items": 90,
        "patients": 70,
        "drafts": {
            "drafted": 89,
            "failed": {"not_covered": 1},
            "answered": 89,
            "valid_format": {"value": 1.0, "low": 0.95, "high": 1.0},
            "sentences": 300,
            "claim_a_prior": 0,
            "with_a_repeated_sentence": 0,
            "different": 12,
            "agreement": {
                "zh_en_sentence_agreement": figure(next(numbers)),
                "zh_en_agreement": figure(next(numbers)),
            },
        },
        "scores": scores,
        "examples": [],
    }


def _facts(name: str) -> dict[str, Any]:
    return {
        "recipe": name,
        "seed": 0,
        "encoder_steps": 10,
        "heads": ["pneumonia"],
        "model": f"{name}@0123456789abcdef",
        "notice": {"zh": "仅供研究。", "en": "Research."},
        "weights": {"encoder": {"file": "a/b.safetensors", "bytes": 1_230_000, "sha256": "a" * 64}},
        "data": {
            "nih14": {
                "title": "A set",
                "licence": "free",
                "labels": "some",
                "splits": {"train": {"images": 10, "patients": 9}},
            }
        },
        "licences": {"CC BY": 3, "not stated": 1},
    }
