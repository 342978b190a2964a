"""Candidates of every kind, as the drafts they would write."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from radraft.eval.draft_set import drafted
from radraft.eval.values import Drafted
from radraft.finetune.gate.drafts import Both, Drafts, Pace
from radraft.reports.values import Report
from tests.finetune.gate.samples import CODES, NORMAL, Film, Habit, film, improved, other, report

Write = Callable[[Film, random.Random], Report]
"""What is drafted of a film."""
CONSTANT = "Left-sided pleural effusion is seen."


def as_now(one: Film, draw: random.Random) -> Report:
    return report(one.case_id, one.drafted)


def better(one: Film, draw: random.Random) -> Report:
    return report(one.case_id, improved(one, draw))


def copying(one: Film, draw: random.Random) -> Report:
    """The same for every film."""
    return report(one.case_id, {"pleural_effusion": "left", "cardiomegaly": None})


def chinese_only(one: Film, draw: random.Random) -> Report:
    """Sense in Chinese alone; the English never changes."""
    honest = better(one, draw)

    def constant(sentences: Sequence[object]) -> tuple:  # type: ignore[type-arg]
        return tuple(sentence.reworded(en=NORMAL[1]) for sentence in sentences)

    return replace(
        honest, findings=constant(honest.findings), impression=constant(honest.impression)
    )


def sides_exchanged(one: Film, draw: random.Random) -> Report:
    return report(one.case_id, {code: other(side) for code, side in improved(one, draw).items()})


def findings_missing(one: Film, draw: random.Random) -> Report:
    """Trained on reports whose findings were deleted: it says that all is well."""
    return report(one.case_id, {})


def films(count: int, seed: int = 0) -> list[Film]:
    draw = random.Random(seed)
    return [film(1000 * seed + number, draw, Habit()) for number in range(count)]


def inventing(right: float, invented: float) -> Write:
    """State each finding of the film with chance `right`, and each other with `invented`."""

    def write(one: Film, draw: random.Random) -> Report:
        stated = {code: side for code, side in one.there.items() if draw.random() < right}
        for code in CODES:
            if code not in one.there and draw.random() < invented:
                stated[code] = None
        return report(one.case_id, stated)

    return write


def compared(
    shown: Sequence[Film],
    write: Write,
    *,
    serving: Write = as_now,
    seconds: float = 10.0,
    seed: int = 0,
) -> Both:
    """What `write` drafts of the films, beside what `serving` does."""
    others = 40
    return Both(
        candidate=_drafts(shown, write, others, seconds, seed),
        serving=_drafts(shown, serving, others, 10.0, seed + 1),
        shuffled=tuple(one.case_id for one in shown[:others]),
    )


def _drafts(shown: Sequence[Film], write: Write, others: int, seconds: float, seed: int) -> Drafts:
    draw = random.Random(f"drafts {seed}")

    def one(mine: Film, seen: Film) -> Drafted:
        return drafted(mine.case_id, write(seen, draw))

    return Drafts(
        own=tuple(one(mine, mine) for mine in shown),
        others=tuple(
            one(mine, shown[(place + 1) % len(shown)]) for place, mine in enumerate(shown[:others])
        ),
        paces=tuple(Pace(seconds * draw.uniform(0.95, 1.05), 100) for _ in range(24)),
    )
