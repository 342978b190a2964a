"""Sentences of a signed report that teach how this site says one thing in two languages."""

from __future__ import annotations

from radraft.reports.assertion import asserted, confirmed_languages
from radraft.reports.checks.identity import IdentityInText
from radraft.reports.checks.reading import read_report
from radraft.reports.checks.run import UNKNOWN
from radraft.reports.following import agree
from radraft.reports.values import LANGS, Origin, Report, SignedReport, Wording


def pairs_of(signed: SignedReport) -> tuple[tuple[str, str], ...]:
    """Return the (zh, en) of each sentence that people stand for in both languages, whose texts the
    checks of languages find alike, and in which nothing may name a patient; each pair once. What a
    machine translated teaches nothing until a person confirmed it by itself."""
    confirmed = confirmed_languages(signed)
    found = [
        (sentence.zh, sentence.en)
        for sentence in signed.report.sentences
        if all(asserted(sentence, lang, confirmed) for lang in LANGS)
        and not any(_followed(wording) for wording in sentence.wordings)
        and agree(sentence.zh, "zh", sentence.en)
    ]
    named = _with_identity(signed.report)
    return tuple(pair for pair in dict.fromkeys(found) if pair not in named)


def _followed(wording: Wording) -> bool:
    return wording.origin is Origin.TRANSLATION and wording.confirmed is None


def _with_identity(report: Report) -> frozenset[tuple[str, str]]:
    read = read_report(report, UNKNOWN)
    ids = {issue.sentence_id for issue in IdentityInText().find(read)}
    return frozenset((s.zh, s.en) for s in report.sentences if s.id in ids)
