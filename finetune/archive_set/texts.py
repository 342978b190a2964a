"""An archived text as a report: its sentences by language, and what it is known again by."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from radraft.finetune.archive_set.values import Reason
from radraft.reports.archive.languages import language_of
from radraft.reports.archive.sections import sentences
from radraft.reports.archive.values import TaughtText
from radraft.reports.following import agree
from radraft.reports.values import LANGS, Lang, Origin, Report, Sentence, Wording
from radraft.studies.deidentify import REMOVED

_HAN = re.compile(r"[\u3400-\u9fff]")
_CHINESE_END = re.compile(r"(?<=[。！？])\s*")
_WORDS = re.compile(r"[A-Za-z]{2,}(?:[\s,;-]+[A-Za-z]{2,})+")
"""Two words on end: a Chinese sentence has none without a Chinese character."""


def report_of(text: TaughtText) -> Report | Reason:
    """Return the report of an archived text, in its language; in both where it has each sentence in
    both. `EMPTY` where nothing is said, `MIXED_LANGUAGES` where it has sentences of both that are
    not each other's."""
    sections = []
    for letter, said in (("f", text.findings), ("i", text.impression)):
        section = _section(letter, said, text.lang)
        if isinstance(section, Reason):
            return section
        sections.append(section)
    findings, impression = sections
    if not findings and not impression:
        return Reason.EMPTY
    if len({sentence.wordings[0].lang for sentence in (*findings, *impression)}) > 1 or (
        len({len(sentence.wordings) for sentence in (*findings, *impression)}) > 1
    ):
        return Reason.MIXED_LANGUAGES
    return Report(text.case_id, findings, impression)


def languages(report: Report) -> tuple[Lang, ...]:
    """Return the languages of a report of `report_of`."""
    return tuple(wording.lang for wording in report.sentences[0].wordings)


def aligned(ours: Sequence[str], lang: Lang, theirs: Sequence[str]) -> bool:
    """Return whether sentences in `lang` and in the other language are each other's in order: the
    checks of languages find nothing between any two."""
    return len(ours) == len(theirs) and all(
        agree(our, lang, their) for our, their in zip(ours, theirs, strict=True)
    )


def text_key(report: Report) -> bytes:
    """Return what a report's text is known again by, whatever the order of its sentences, its white
    space, punctuation, capitals, width and the numbers of a list: 16 bytes."""
    said = sorted(
        f"{wording.lang}{_levelled(wording.text)}"
        for sentence in report.sentences
        for wording in sentence.wordings
    )
    return hashlib.sha256("\n".join(said).encode("utf-8")).digest()[:16]


def _section(letter: str, said: str, lang: Lang) -> tuple[Sentence, ...] | Reason:
    found = [part for part in _sentences(said, lang) if _levelled(part[1])]
    by_lang = {each: [text for its, text in found if its == each] for each in LANGS}
    if not by_lang["zh"] or not by_lang["en"]:
        return tuple(
            Sentence(f"{letter}{number}", (Wording(its, text, Origin.PERSON),))
            for number, (its, text) in enumerate(found, 1)
        )
    if not aligned(by_lang["zh"], "zh", by_lang["en"]):
        return Reason.MIXED_LANGUAGES
    return tuple(
        Sentence(
            f"{letter}{number}",
            (Wording("zh", zh, Origin.PERSON), Wording("en", en, Origin.PERSON)),
        )
        for number, (zh, en) in enumerate(zip(by_lang["zh"], by_lang["en"], strict=True), 1)
    )


def _sentences(said: str, lang: Lang) -> Iterator[tuple[Lang, str]]:
    """Yield the sentences with their languages: the report's, unless one is plainly of the
    other."""
    for piece in _pieces(said, lang):
        # A sentence may be broken over lines, and a line of the other language may follow it.
        for its, lines in groupby(piece.splitlines(), lambda line: _plainly(line, lang)):
            part = "\n".join(lines)
            yield from (
                ((its, sentence) for sentence in sentences(part, its))
                if its != lang
                else ((its, part),)
            )


def _pieces(said: str, lang: Lang) -> Iterator[str]:
    for piece in sentences(said, lang):
        # Chinese before English on one line: of a short report most letters may be the English's.
        yield from filter(None, _CHINESE_END.split(piece) if lang == "en" else (piece,))


def _plainly(text: str, lang: Lang) -> Lang:
    if lang == "zh":
        return "en" if not _HAN.search(text) and _WORDS.search(text) else "zh"
    return "zh" if _HAN.search(text) and language_of(text) == "zh" else "en"


def _levelled(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.replace(REMOVED, "")).casefold()
    return "".join(character for character in folded if character.isalnum())
