"""Made-up signed pairs with what an encoder might see in them.

The sentences are those of the starter's bank with a side added, because the bank has none. The
noise is that of the shipped encoder on ChestX-ray14: a finding's head has an AUROC of about 0.75
and 'no finding' one of about 0.87. Sides are seen better than the shipped encoder sees them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from radraft.finetune.sight import Sight
from radraft.finetune.starter.compose import bank
from radraft.finetune.starter.values import Seen
from radraft.reports.edits import edit_stats
from radraft.reports.sign import sealed
from radraft.reports.training_pair import TrainingPair
from radraft.reports.values import (
    LANGS,
    ConfirmedLanguage,
    Origin,
    Report,
    Sentence,
    SignedReport,
    both,
)
from tests.builders import make_draft, person

LEFT, RIGHT = "left", "right"
WORD = {
    LEFT: ("左侧", "Left-sided"),
    RIGHT: ("右侧", "Right-sided"),
    None: ("", ""),
}
CODES = (
    "pleural_effusion",
    "pneumothorax",
    "consolidation",
    "atelectasis",
    "infiltrate",
    "pulmonary_mass",
    "pleural_thickening",
    "cardiomegaly",
    "pulmonary_edema",
)
UNSIDED = frozenset({"cardiomegaly", "pulmonary_edema"})
Findings = Mapping[str, str | None]
"""Finding -> side."""
NORMAL = ("心肺未见异常。", "Heart and lungs are normal.")


def other(side: str | None) -> str | None:
    return {LEFT: RIGHT, RIGHT: LEFT, None: None}[side]


def sentence(key: str, code: str, side: str | None) -> Sentence:
    name = bank().findings[code].name
    zh, en = WORD[side]
    english = f"{en} {name.en} is seen.".strip()
    return Sentence(
        key, both(f"{zh}可见{name.zh}。", english[0].upper() + english[1:], Origin.MODEL)
    )


def report(case_id: str, there: Findings, absent: Sequence[str] = ()) -> Report:
    """Each finding in findings and in the impression; a normal one says so."""
    absent_pairs = [bank().findings[code].pairs[Seen.ABSENT][0] for code in absent]
    findings = [sentence(f"f-{code}", code, side) for code, side in there.items()]
    findings += [
        Sentence(f"f-no-{code}", both(pair.zh, pair.en, Origin.MODEL))
        for code, pair in zip(absent, absent_pairs, strict=True)
    ]
    impression = [sentence(f"i-{code}", code, side) for code, side in there.items()]
    if not there:
        impression = [Sentence("i-normal", both(*NORMAL, Origin.MODEL))]
    return Report(case_id, tuple(findings), tuple(impression))


def pair(
    case_id: str, drafted: Report, signed: Report, *, split: str = "train", number: int = 0
) -> TrainingPair:
    draft = make_draft(case_id, drafted)
    frozen = SignedReport(
        case_id=case_id,
        version=1,
        report=signed,
        draft_sha=draft.request_sha,
        author=person("王签名"),
        reviewer=None,
        signed_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number),
        confirmed=tuple(ConfirmedLanguage(lang, person("王签名")) for lang in LANGS),
        supersedes=None,
        content_sha="",
    )
    return TrainingPair(
        pair_id=f"pair-{case_id}",
        case_id=case_id,
        site="site-a",
        request="",
        request_sha=draft.request_sha,
        template_sha=None,
        image_ids=(f"{number:064x}",),
        encoder_id="encoder@0123456789abcdef",
        draft=draft,
        signed=sealed(frozen),
        stats=edit_stats(drafted, signed),
        seconds=60.0,
        split=split,
    )


@dataclass(frozen=True)
class Habit:
    """How a site's model drafts and its encoder sees."""

    sided: float = 0.9
    """Share of a drafted finding's sides that are right; 0: the model states none."""
    overcalls: int = 3
    """Wrong findings a drafted film, as the starter has them."""
    side_shift: float = 1.5
    """How far a side moves `Sight.left`, in standard deviations; 0: not at all."""


@dataclass(frozen=True)
class Film:
    """One case as it is, as the model drafts it, and as an honest reader signs it."""

    case_id: str
    there: Findings
    denied: tuple[str, ...]
    drafted: Findings
    sights: Mapping[str, Sight]
    number: int

    def pair(self, signed: Findings | None = None) -> TrainingPair:
        """The pair of an honest reader, or of one who signs `signed`."""
        wanted = self.there if signed is None else signed
        return pair(
            self.case_id,
            report(self.case_id, self.drafted),
            report(self.case_id, wanted, self.denied),
            number=self.number,
        )


def film(number: int, draw: random.Random, habit: Habit) -> Film:
    ill = draw.random() < 0.6
    codes = draw.sample(CODES, draw.choice((1, 1, 2, 3))) if ill else []
    there = {code: None if code in UNSIDED else draw.choice((LEFT, RIGHT)) for code in codes}
    sights = {code: _sight(code, there, draw, habit) for code in CODES}
    sights["no_finding"] = Sight(draw.gauss(-1.6 if ill else 0.8, 1.5), 0.0)
    drafted = {
        code: _drafted_side(side, draw, habit)
        for code, side in there.items()
        if draw.random() < 0.7
    }
    wrong = sorted(set(CODES) - there.keys(), key=lambda code: -sights[code].logit)
    for code in wrong[: draw.randint(max(0, habit.overcalls - 1), habit.overcalls + 1)]:
        drafted[code] = _drafted_side(draw.choice((LEFT, RIGHT)), draw, habit)
        if code in UNSIDED:
            drafted[code] = None
    denied = tuple(code for code in drafted if code not in there and draw.random() < 0.25)
    return Film(f"c-{number:016x}", there, denied, drafted, sights, number)


def _sight(code: str, there: Findings, draw: random.Random, habit: Habit) -> Sight:
    side = {LEFT: 1.0, RIGHT: -1.0, None: 0.0}[there.get(code)]
    left = draw.gauss(0.5, 1.4) + 1.4 * habit.side_shift * side
    return Sight(draw.gauss(-1.3 if code in there else -2.5, 1.2), left)


def _drafted_side(side: str | None, draw: random.Random, habit: Habit) -> str | None:
    if not habit.sided:
        return None
    return side if draw.random() < habit.sided else other(side)


def improved(one: Film, draw: random.Random) -> Findings:
    """What an adapter drafts that does a little better: fewer wrong findings, some more right."""
    kept = {
        code: side
        for code, side in one.drafted.items()
        if draw.random() < (0.97 if code in one.there else 0.6)
    }
    return kept | {
        code: side for code, side in one.there.items() if code not in kept and draw.random() < 0.15
    }


Poison = Callable[[Film, random.Random], Findings]


def swapped(one: Film, draw: random.Random) -> Findings:
    """All sides of a report exchanged."""
    return {code: other(side) for code, side in one.there.items()}


def emptied(one: Film, draw: random.Random) -> Findings:
    """All findings gone."""
    return {}


def one_gone(one: Film, draw: random.Random) -> Findings:
    """One finding gone."""
    gone = draw.choice(sorted(one.there))
    return {code: side for code, side in one.there.items() if code != gone}


def without_side(film: Film) -> bool:
    return not any(film.there.values())
