"""Whether a drafted sentence is right, as far as that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radraft.eval.looks.sides import Read, one_sided
from radraft.eval.looks.values import Judged
from radraft.eval.values import Drafted, SetItem
from radraft.reports.findings.extract import extract, status
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import LANGS, Certainty, Lang, Laterality

NO_SIDES: Mapping[str, Laterality] = {}


def judged(
    items: Sequence[SetItem], drafts: Sequence[Drafted], read: Read = extract
) -> tuple[Judged, ...]:
    """Every sentence whose support was measured and whose findings can be checked.

    Sentences that state no finding, or only findings nobody knows the truth of, are left out.
    """
    found = []
    for item, draft in zip(items, drafts, strict=True):
        truth = {lang: known(item, lang, read) for lang in LANGS}
        sides = {lang: one_sided(_reference(item, lang, read)) for lang in LANGS}
        for zh, en, support in zip(draft.zh, draft.en, draft.support, strict=False):
            if support is None:
                continue
            verdicts = [
                agrees(
                    read(text, lang),
                    truth[lang],
                    closed=bool(item.report(lang)),
                    sides=sides[lang],
                )
                for lang, text in zip(LANGS, (zh, en), strict=True)
            ]
            decided = [verdict for verdict in verdicts if verdict is not None]
            if decided:
                found.append(Judged(item.id, support, all(decided)))
    return tuple(found)


def known(item: SetItem, lang: Lang, read: Read = extract) -> dict[str, Certainty]:
    """The truth of an item's findings: its labels, and what its reference report states beside."""
    truth = status(_reference(item, lang, read))
    return truth | {counted_as(code): certainty for code, certainty in item.labels.items()}


def agrees(
    mentions: Sequence[Mention],
    truth: Mapping[str, Certainty],
    *,
    closed: bool,
    sides: Mapping[str, Laterality] = NO_SIDES,
) -> bool | None:
    """Whether all findings of a sentence agree with the truth; None where none can be checked.

    Present and uncertain agree with present; absent agrees with absent. Where the truth is
    uncertain nothing is checked. With `closed`, a finding that the truth does not name is absent: a
    reference report names what is there. `no_finding` is a summary and is checked only where it is
    in the truth itself. A finding on one side is wrong where `sides` has it on the other.
    """
    checked = []
    for code, said in status(mentions).items():
        fact = truth.get(code)
        if fact is None and closed and code != "no_finding":
            fact = Certainty.ABSENT
        if fact is None or fact is Certainty.UNCERTAIN:
            continue
        checked.append((said is not Certainty.ABSENT) == (fact is Certainty.PRESENT))
    checked += [sides[code] is side for code, side in one_sided(mentions).items() if code in sides]
    return all(checked) if checked else None


def _reference(item: SetItem, lang: Lang, read: Read) -> tuple[Mention, ...]:
    report = item.report(lang)
    return read(report, lang) if report else ()
