"""What a reader changed: the draft against the signed report, by sentence and as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from rapidfuzz.distance import Levenshtein

from radraft.reports.assertion import asserted_report, in_languages, taught_languages
from radraft.reports.diff import moved_ids
from radraft.reports.findings.extract import extract
from radraft.reports.findings.statements import Side, State, Statement, statements
from radraft.reports.values import LANGS, Lang, Origin, Report, Section, Sentence, SignedReport


class Edit(StrEnum):
    """What the reader did to a drafted sentence."""

    KEPT = "kept"
    REWORDED = "reworded"
    """Other words for the same findings."""
    CORRECTED = "corrected"
    """Other findings, or another certainty or side of one."""
    DELETED = "deleted"
    ADDED = "added"


@dataclass(frozen=True)
class SentenceEdit:
    """One sentence, draft against signed."""

    sentence_id: str
    section: Section
    edit: Edit
    moved: bool
    """Whether it changed section or its order among the sentences that stayed."""
    distance_zh: float
    """Normalised Levenshtein distance by character, 0 same to 1 nothing in common."""
    distance_en: float
    findings: tuple[str, ...] = ()
    """Codes that a correction, deletion or addition changed, sorted."""
    sides: tuple[str, ...] = ()
    """Codes that kept their certainty and changed their side, sorted; only of a correction."""


@dataclass(frozen=True)
class EditStats:
    """All edits of one report and the whole report's normalised edit distances."""

    sentences: tuple[SentenceEdit, ...]
    distance_zh: float
    distance_en: float
    langs: tuple[Lang, ...] = LANGS
    """What was compared; the distance in another language is 0 and says nothing."""

    @property
    def distance(self) -> float:
        """The mean of the languages that were compared; 0 where there were none."""
        found = [self.distance_zh if lang == "zh" else self.distance_en for lang in self.langs]
        return sum(found) / len(found) if found else 0.0


def signed_edits(draft: Report, signed: SignedReport) -> EditStats:
    """Return the edits from `draft` to what people assert in `signed`, in the languages that may be
    learned from."""
    return edit_stats(draft, asserted_report(signed), taught_languages(signed))


def edit_stats(draft: Report, signed: Report, langs: tuple[Lang, ...] = LANGS) -> EditStats:
    """Return the edits in the signed report's reading order, then what was deleted in the draft's.

    `langs`: what is compared. Text in another language counts on neither side.

    A template's line that was confirmed as it stands is no edit: nobody drafted it and nobody wrote
    it. It is none of the sentences, and changes no distance.

    Distances are Levenshtein by character over the longer text's length: 0 for the same text,
    1 for nothing in common, 0 for two empty texts. The whole report's distances compare its
    sentences joined by line feeds, so a move costs there though it costs a sentence nothing.

    A changed sentence is `CORRECTED` where either language states something else than before: a
    finding more or less, another certainty, or another side; `REWORDED` otherwise. What only a more
    specific finding implies is not counted beside it.
    """
    draft, signed = in_languages(draft, langs), in_languages(signed, langs)
    signed = without_confirmed_template(draft, signed)
    before = {sentence.id: sentence for sentence in draft.sentences}
    after = {sentence.id for sentence in signed.sentences}
    moved = moved_ids(draft, signed)
    edits = [
        _edit(section, before.get(sentence.id), sentence, moved)
        for section, sentence in _placed(signed)
    ]
    edits += [
        _edit(section, sentence, None, moved)
        for section, sentence in _placed(draft)
        if sentence.id not in after
    ]
    return EditStats(
        sentences=tuple(edits),
        distance_zh=_distance(draft, signed, "zh"),
        distance_en=_distance(draft, signed, "en"),
        langs=langs,
    )


def report_distance(draft: Report, signed: Report, langs: tuple[Lang, ...] = LANGS) -> float:
    """Return `EditStats.distance` alone: no sentence is read for its findings."""
    if not langs:
        return 0.0
    draft, signed = in_languages(draft, langs), in_languages(signed, langs)
    signed = without_confirmed_template(draft, signed)
    return sum(_distance(draft, signed, lang) for lang in langs) / len(langs)


def without_confirmed_template(draft: Report, signed: Report) -> Report:
    """Return the signed report without the template's lines that stand in it as the template has
    them: what its reader made of the draft."""
    drafted = {sentence.id for sentence in draft.sentences}

    def is_edited(sentence: Sentence) -> bool:
        return sentence.id in drafted or not _is_template(sentence)

    return replace(
        signed,
        findings=tuple(filter(is_edited, signed.findings)),
        impression=tuple(filter(is_edited, signed.impression)),
    )


def distance(before: str, after: str) -> float:
    """Normalised Levenshtein distance by character, 0 to 1."""
    return float(Levenshtein.normalized_distance(before, after))


def load_rules() -> None:
    """Read the vocabularies now (about a second, once): whoever holds a lock does it before."""
    statements(extract("右肺结节", "zh"))
    statements(extract("nodule in the right lung", "en"))


def _edit(
    section: Section, before: Sentence | None, after: Sentence | None, moved: frozenset[str]
) -> SentenceEdit:
    old_zh, old_en = ("", "") if before is None else (before.zh, before.en)
    new_zh, new_en = ("", "") if after is None else (after.zh, after.en)
    sentence = after or before
    assert sentence is not None
    changed, turned = _changes(((old_zh, new_zh, "zh"), (old_en, new_en, "en")))
    if before is None:
        edit = Edit.ADDED
    elif after is None:
        edit = Edit.DELETED
    elif (old_zh, old_en) == (new_zh, new_en):
        edit = Edit.KEPT
    else:
        edit = Edit.CORRECTED if changed or turned else Edit.REWORDED
    return SentenceEdit(
        sentence_id=sentence.id,
        section=section,
        edit=edit,
        moved=sentence.id in moved,
        distance_zh=distance(old_zh, new_zh),
        distance_en=distance(old_en, new_en),
        findings=tuple(sorted(changed)),
        sides=tuple(sorted(turned)),
    )


def _is_template(sentence: Sentence) -> bool:
    """Return whether all that stands in a sentence is its template's wording."""
    wordings = sentence.wordings
    return bool(wordings) and all(wording.origin is Origin.TEMPLATE for wording in wordings)


def _changes(texts: tuple[tuple[str, str, Lang], ...]) -> tuple[set[str], set[str]]:
    """Codes whose certainty changed in any language, and other codes whose side did."""
    changed: set[str] = set()
    turned: set[str] = set()
    for before, after, lang in texts:
        if before == after:
            continue
        old, new = statements(extract(before, lang)), statements(extract(after, lang))
        for code in old.keys() | new.keys():
            was, now = old.get(code, _UNSTATED), new.get(code, _UNSTATED)
            if was.implied and now.implied:
                continue
            if was.state is not now.state:
                changed.add(code)
            elif _other_side(was, now):
                turned.add(code)
    return changed, turned - changed


_UNSTATED = Statement(State.UNSTATED, implied=True)


def _other_side(was: Statement, now: Statement) -> bool:
    # "No effusion on either side" and "no effusion" say the same.
    named = was.state is not State.ABSENT or Side.UNKNOWN not in (was.side, now.side)
    return named and was.side is not now.side


def _placed(report: Report) -> list[tuple[Section, Sentence]]:
    return [(Section.FINDINGS, sentence) for sentence in report.findings] + [
        (Section.IMPRESSION, sentence) for sentence in report.impression
    ]


def _distance(draft: Report, signed: Report, lang: Lang) -> float:
    return distance(_whole(draft, lang), _whole(signed, lang))


def _whole(report: Report, lang: Lang) -> str:
    return "\n".join(sentence.text(lang) for sentence in report.sentences)
