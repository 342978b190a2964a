"""Findings of a report: text in, mentions out. `docs/findings.md` defines what counts as what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from radraft.reports.findings.schemes import Scheme, apply
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region, counted_as, lineage
from radraft.reports.values import Certainty, Lang, outranks


def extract(text: str, lang: Lang, region: Region | None = None) -> tuple[Mention, ...]:
    """Return every mention of a report in one language, by where it starts.

    `region` is the examination's body part, which words without an organ are about ("fracture" in
    a report of the knee is no rib fracture); None where it is not known. Rules only: no model, no
    download. Spans are characters of `text`.
    """
    return _language(lang).read(text, region)


def labelled(text: str, lang: Lang, scheme: Scheme) -> dict[str, Certainty]:
    """What `text` states in the labels of a published set; a label nothing was said about is not
    there. English tells kinds of hedge apart, which some sets count differently."""
    if lang == "en":
        from radraft.reports.findings import english

        stated = english.statements(text)
        hedges = [one.hedge.name.lower() for one in stated]
        return apply(scheme, text, [one.mention for one in stated], hedges)
    return apply(scheme, text, extract(text, lang))


def claims_prior(text: str, lang: Lang) -> bool:
    """Whether `text` compares with an earlier examination: names one, or states a change."""
    return _language(lang).claims_prior(text)


def status(mentions: Iterable[Mention]) -> dict[str, Certainty]:
    """One certainty per finding: present before uncertain before absent.

    Variants count as their finding. A present or uncertain finding makes its parents so; an absent
    one says nothing of its parents.
    """
    found: dict[str, Certainty] = {}
    for mention in mentions:
        if mention.polarity is Certainty.ABSENT:
            codes: tuple[str, ...] = (counted_as(mention.code),)
        else:
            codes = lineage(mention.code)
        for code in codes:
            if outranks(mention.polarity, found.get(code)):
                found[code] = mention.polarity
    return found


class _Language(Protocol):
    def read(self, text: str, region: Region | None = None) -> tuple[Mention, ...]: ...

    def claims_prior(self, text: str) -> bool: ...


def _language(lang: Lang) -> _Language:
    # The rules of a language take a moment to build; the other's are not needed.
    if lang == "en":
        from radraft.reports.findings import english

        return english
    from radraft.reports.findings import chinese

    return chinese
