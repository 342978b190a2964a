"""The examination in one sentence, and what it is decided by."""

from __future__ import annotations

from collections.abc import Sequence

from radraft.core.errors import message
from radraft.eval.looks.values import Answer, Change, Changed, Drop, Verdict

Details = dict[str, str | int | float]

DECIDING = "finding_f1_micro"
REPLACED = (Change.SHUFFLED, Change.ANOTHER)
"""Changes that decide, the first that was made: another patient's image is as good an image as the
true one, so only what it shows can make a difference. A blank or a noise image is nothing the model
was trained on, and may cost marks for that alone."""
REMOVED = (Change.BLANK, Change.NOISE, *REPLACED)
SAME = 0.95
"""From this share of drafts without any change on, the model ignores the image; of those that stay
the same when the true images are drafted again, where that was tried."""
MARGIN = 0.05
"""A loss of F1 that is certainly smaller than this is none."""


def verdict(changes: Sequence[Changed]) -> Verdict:
    """The answer by the F1 of findings with another patient's image, in any language.

    A draft that stays the same without its image answers by itself.
    """
    removed = [
        change for change in changes if change.perturbation.change in REMOVED and change.reports
    ]
    total = sum(look.reports for look in removed)
    same = sum(look.unchanged for look in removed)
    counts: Details = {"unchanged": same, "total": total}
    floor = _floor(changes)
    if same and same >= SAME * floor * total:
        again = counts | {"again": f"{floor:.0%}"}
        return _said(
            Answer.IGNORES, "looks_ignores" if floor == 1 else "looks_ignores_again", again
        )
    decides = next(
        (look for kind in REPLACED for look in removed if look.perturbation.change is kind), None
    )
    if decides is None:
        return _said(Answer.UNDECIDED, "looks_unknown", counts)
    return _by_findings(decides, counts)


def _floor(changes: Sequence[Changed]) -> float:
    """Share of drafts that the server writes again to the letter from the same images."""
    again = [
        change
        for change in changes
        if change.perturbation.change is Change.REPEAT and change.reports
    ]
    return again[0].unchanged_share if again else 1.0


def _by_findings(decides: Changed, counts: Details) -> Verdict:
    found = [d for drops in decides.drops.values() for d in drops if d.measure == DECIDING]
    known = [drop for drop in found if drop.true is not None]
    counts |= {"reports": decides.reports}
    if not known:
        return _said(Answer.UNDECIDED, "looks_unknown", counts)
    if all(drop.true == 0 for drop in known):
        return _said(Answer.NO_GAIN, "looks_nothing_right", counts)
    bounded = [drop for drop in known if drop.high is not None]
    lost = [drop for drop in bounded if drop.lost]
    if lost:
        return _said(Answer.LOOKS, "looks_looks", counts | _figures(max(lost, key=_loss)))
    if len(bounded) == len(known) and all((drop.high or 0.0) < MARGIN for drop in bounded):
        return _said(Answer.NO_GAIN, "looks_no_loss", counts | _figures(max(bounded, key=_loss)))
    if bounded:
        widest = max(bounded, key=lambda drop: drop.high or 0.0)
        return _said(Answer.UNDECIDED, "looks_undecided", counts | _figures(widest))
    return _said(Answer.UNDECIDED, "looks_unknown", counts)


def _loss(drop: Drop) -> float:
    return drop.drop or 0.0


def _figures(drop: Drop) -> Details:
    names = {"true": drop.true, "changed": drop.changed, "low": drop.low, "high": drop.high}
    return {name: f"{value:.2f}" for name, value in names.items() if value is not None}


def _said(answer: Answer, code: str, details: Details) -> Verdict:
    zh, en = message(code, details)
    return Verdict(answer, zh, en)
