"""What a reader changed: the draft against the signed report, by sentence and as a whole."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

from radraft.finetune.values import Edit, EditStats, SentenceEdit
from radraft.reports.diff import moved_ids
from radraft.reports.values import Report, Section, Sentence


def edit_stats(draft: Report, signed: Report) -> EditStats:
    """Edits in the signed report's reading order, then what was deleted in the draft's.

    Distances are Levenshtein by character over the longer text's length: 0 for the same text,
    1 for nothing in common, 0 for two empty texts. The whole report's distances compare its
    sentences joined by line feeds, so a move costs there though it costs a sentence nothing.
    """
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
        distance_zh=distance(_whole(draft, "zh"), _whole(signed, "zh")),
        distance_en=distance(_whole(draft, "en"), _whole(signed, "en")),
    )


def distance(before: str, after: str) -> float:
    """Normalised Levenshtein distance by character, 0 to 1."""
    return float(Levenshtein.normalized_distance(before, after))


def _edit(
    section: Section, before: Sentence | None, after: Sentence | None, moved: frozenset[str]
) -> SentenceEdit:
    old_zh, old_en = ("", "") if before is None else (before.zh, before.en)
    new_zh, new_en = ("", "") if after is None else (after.zh, after.en)
    sentence = after or before
    assert sentence is not None
    if before is None:
        edit = Edit.ADDED
    elif after is None:
        edit = Edit.DELETED
    else:
        edit = Edit.KEPT if (old_zh, old_en) == (new_zh, new_en) else Edit.REWORDED
    return SentenceEdit(
        sentence_id=sentence.id,
        section=section,
        edit=edit,
        moved=sentence.id in moved,
        distance_zh=distance(old_zh, new_zh),
        distance_en=distance(old_en, new_en),
    )


def _placed(report: Report) -> list[tuple[Section, Sentence]]:
    return [(Section.FINDINGS, sentence) for sentence in report.findings] + [
        (Section.IMPRESSION, sentence) for sentence in report.impression
    ]


def _whole(report: Report, lang: str) -> str:
    return "\n".join(str(getattr(sentence, lang)) for sentence in report.sentences)
