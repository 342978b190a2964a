"""What people assert: the only text that leaves, is scored, cited or learned from.

A text is asserted where a person wrote it, where a person confirmed it, or where a signature
confirms all of a report's texts in its language. What nobody asserted is grey: it may be shown, as
such.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from radraft.reports.values import LANGS, Lang, Origin, Report, Sentence, SignedReport, Wording


def is_grey(wording: Wording) -> bool:
    """Return whether a text is a template's that nobody confirmed: nobody looked at what it says,
    and no signature confirms it (it blocks one, `checks.template_lines`)."""
    return wording.origin is Origin.TEMPLATE and wording.confirmed is None


def without_grey(report: Report) -> Report:
    """Return `report` without a template's texts that nobody confirmed, and without the sentences
    that have no other: what the report says so far."""

    def kept(sentence: Sentence) -> Sentence:
        wordings = tuple(wording for wording in sentence.wordings if not is_grey(wording))
        return sentence if wordings == sentence.wordings else replace(sentence, wordings=wordings)

    return _without_empty(report, tuple(map(kept, report.sentences)))


def asserted(sentence: Sentence, lang: Lang, confirmed: Collection[Lang] = ()) -> bool:
    """Return whether a person stands for the text of `sentence` in `lang`; False for no text.

    `confirmed`: languages that a signature confirms as a whole (`confirmed_languages`); none of an
    unsigned report.
    """
    wording = sentence.wording(lang)
    if wording is None:
        return False
    by_person = wording.origin is Origin.PERSON or wording.confirmed is not None
    return by_person or lang in confirmed


def unasserted(report: Report) -> tuple[str, ...]:
    """Return the ids of an unsigned report's sentences with a text that nobody stands for: wherever
    it is shown, it is said to be a machine's."""
    return tuple(
        sentence.id
        for sentence in report.sentences
        if any(not asserted(sentence, wording.lang) for wording in sentence.wordings)
    )


def confirmed_languages(signed: SignedReport) -> frozenset[Lang]:
    """Return the languages in which the signature confirms every text."""
    return frozenset(language.lang for language in signed.confirmed)


def asserted_report(signed: SignedReport) -> Report:
    """Return the signed report without the texts, and the sentences, that nobody asserted."""
    confirmed = confirmed_languages(signed)

    def kept(sentence: Sentence) -> Sentence:
        return replace(
            sentence,
            wordings=tuple(
                wording
                for wording in sentence.wordings
                if asserted(sentence, wording.lang, confirmed)
            ),
        )

    return _without_empty(signed.report, tuple(map(kept, signed.report.sentences)))


def asserted_languages(signed: SignedReport) -> tuple[Lang, ...]:
    """Return the languages the report is asserted in: those that the signature confirms, and those
    with a text that a person wrote or confirmed."""
    confirmed = confirmed_languages(signed)
    report = asserted_report(signed)
    return tuple(
        lang
        for lang in LANGS
        if lang in confirmed or any(sentence.wording(lang) for sentence in report.sentences)
    )


def taught_languages(signed: SignedReport) -> tuple[Lang, ...]:
    """Return the languages that a model may learn from, and its edits are counted in: those it is
    asserted in but those with a text that a machine translated and nobody confirmed by itself.

    A signature stands for what the signer was shown; that he would have said it in these words is
    another thing, and a model must not learn a machine's.
    """
    followed = {
        wording.lang
        for sentence in signed.report.sentences
        for wording in sentence.wordings
        if wording.origin is Origin.TRANSLATION and wording.confirmed is None
    }
    return tuple(lang for lang in asserted_languages(signed) if lang not in followed)


def in_languages(report: Report, languages: Collection[Lang]) -> Report:
    """Return `report` with its texts in `languages` alone, to compare with what is asserted in
    them."""

    def kept(sentence: Sentence) -> Sentence:
        wordings = (wording for wording in sentence.wordings if wording.lang in languages)
        return replace(sentence, wordings=tuple(wordings))

    if set(languages) == set(LANGS):
        return report
    return _without_empty(report, tuple(map(kept, report.sentences)))


def _without_empty(report: Report, sentences: tuple[Sentence, ...]) -> Report:
    """`report` with `sentences` in place of its own, but those that a removed text left empty."""
    count = len(report.findings)
    pairs = zip(report.sentences, sentences, strict=True)
    left = [None if was.wordings and not now.wordings else now for was, now in pairs]
    findings, impression = left[:count], left[count:]
    return replace(
        report,
        findings=tuple(sentence for sentence in findings if sentence is not None),
        impression=tuple(sentence for sentence in impression if sentence is not None),
    )
