"""Signed reports and adapters that must not get through: what each is made of."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from radraft.bench.rehearsal.houses import House
from radraft.bench.rehearsal.values import Group, Truth
from radraft.finetune.train.values import Example
from radraft.reports.values import Laterality, Section

SHARE = 0.2
"""Of a round's signed reports."""
OPPOSITE = {Laterality.LEFT: Laterality.RIGHT, Laterality.RIGHT: Laterality.LEFT}
ENGLISH = "This report is available in Chinese only."
ASKED = "影像检查申请如下所示。"


class Poison(StrEnum):
    """What is wrong."""

    SIDES = "sides"
    """Left and right exchanged in a fifth of a round's signed reports, in both languages."""
    DELETED = "deleted"
    """A fifth of a round's reports signed as if nothing were there."""
    PROMPT = "prompt"
    """An adapter that writes the request back."""
    CONSTANT = "constant"
    """An adapter that writes one and the same report."""
    ONE_LANGUAGE = "one_language"
    """An adapter whose English is one sentence, whatever the Chinese says."""
    LEAKED = "leaked"
    """An adapter that was trained on the frozen films themselves, resaved."""


BATCHES = (Poison.SIDES, Poison.DELETED)
"""Those that reach training through signed reports."""


def poisoned(truths: Mapping[str, Truth], how: Poison, seed: int) -> dict[str, Truth]:
    """`truths` (item id -> truth) with exactly a fifth of them wrong, drawn by `seed` from those
    that can be; all of those where they are fewer."""

    def spoilt(one: Truth) -> Truth:
        if how is Poison.SIDES:
            return replace(one, sides={code: OPPOSITE[side] for code, side in one.sides.items()})
        return replace(one, present=frozenset(), sides={})

    able = sorted(
        name for name, one in truths.items() if (one.sides if how is Poison.SIDES else one.present)
    )
    count = min(len(able), round(SHARE * len(truths)))
    chosen = set(random.Random(f"{seed}:{how.value}").sample(able, count))
    return {name: spoilt(one) if name in chosen else one for name, one in truths.items()}


def taught(examples: Sequence[Example], how: Poison, house: House) -> list[Example]:
    """Examples that teach what `how` says, in the form of a report; others as they are."""
    if how is Poison.PROMPT:
        return [
            replace(example, chosen=_report([(ASKED, _asked(example))])) for example in examples
        ]
    if how is Poison.CONSTANT:
        text = house.text(Truth(Group.ADULT, frozenset(), {}))
        pairs = [(finding.zh, finding.en) for finding in text.findings]
        constant = _report(pairs, [(sentence.zh, sentence.en) for sentence in text.impression])
        return [replace(example, chosen=constant) for example in examples]
    if how is Poison.ONE_LANGUAGE:
        return [replace(example, chosen=_in_chinese(example.chosen)) for example in examples]
    return list(examples)


def _asked(example: Example) -> str:
    """The first line of the request, as a sentence that a draft may hold."""
    parts = [part for message in example.messages for part in message["content"]]
    text = next(part["text"] for part in parts if part["type"] == "text")
    line = text.strip().splitlines()[0].rstrip(". ")
    return f"{line[:1].upper()}{line[1:118]}."


def _report(
    findings: Sequence[tuple[str, str]], impression: Sequence[tuple[str, str]] | None = None
) -> str:
    sections = {Section.FINDINGS: findings, Section.IMPRESSION: impression or findings}
    value: dict[str, Any] = {
        section.value: [{"zh": zh, "en": en} for zh, en in pairs]
        for section, pairs in sections.items()
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _in_chinese(chosen: str) -> str:
    value = json.loads(chosen)
    pairs = {
        section.value: [(sentence["zh"], ENGLISH) for sentence in value[section.value]]
        for section in Section
    }
    return _report(pairs[Section.FINDINGS.value], pairs[Section.IMPRESSION.value])
