"""A whole study called normal: "no acute cardiopulmonary abnormality"."""

from __future__ import annotations

from radraft.reports.findings._english_clauses import Item
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_lexicon import Outcome

_WHOLE = frozenset(
    [
        "cardiopulmonary",
        "intrathoracic",
        "chest",
        "thoracic",
        "cardiothoracic",
        "intracranial",
        "intraabdominal",
        "cardiac",
        "pulmonary",
        "radiographic",
        "cardio",
    ]
)
_DEGREE = frozenset(
    [
        "acute",
        "active",
        "significant",
        "definite",
        "evidence",
        "sign",
        "signs",
        "indication",
        "of",
        "radiographic",
        "an",
        "any",
        "disease",
        "process",
        "new",
        "abnormality",
        "obvious",
        "focal",
        "identified",
        "suspicious",
        "visible",
        "xxxx",
        "evident",
        "gross",
        "apparent",
        "or",
        "and",
        "no",
        "for",
        "/",
        "infiltrate",
        "changes",
        "acutely",
        "concerning",
        "radiographically",
    ]
)
_NORMAL = Outcome(("no_finding",))
_CLEAR_LUNGS = Outcome(("lung_opacity",))


def whole_study(
    clause: list[Item], index: int, words: list[str]
) -> list[tuple[Outcome, Item | None]]:
    """`no_finding` where the word at `index` is denied of the whole study, else nothing.

    Denied of the lungs alone ("no acute pulmonary disease"), it is their opacity that is absent.

    Every word between the negation and this one has to be a degree or the name of the whole.
    """
    item = clause[index]
    at = item.first - 1
    named: set[str] = set()
    while at >= 0 and words[at] not in ("no", "without", "negative"):
        word = words[at]
        if word in _WHOLE:
            named.add(word)
        elif word not in _DEGREE:
            return []
        at -= 1
    if at < 0 or named == {"cardiac"}:
        return []
    follows = words[item.last : item.last + 2]
    if follows and follows[0] in ("to", "of", "suggesting", "suggestive", "in", "concerning"):
        return []
    if any(other.names and other is not item and other.first > item.last for other in clause):
        return []
    if not any(other.cue & Cue.ABSENT_BEFORE for other in clause):
        return []
    return [(_CLEAR_LUNGS if named == {"pulmonary"} else _NORMAL, None)]
