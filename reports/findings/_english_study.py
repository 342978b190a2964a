"""A whole study called normal: "no acute cardiopulmonary abnormality"."""

from __future__ import annotations

import itertools

from radraft.reports.findings._english_clauses import Item
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_lexicon import Lexicon, Outcome
from radraft.reports.findings._english_places import after, before, leading, subject
from radraft.reports.findings.vocabulary import Region

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
        "pleural",
    ]
)
_PART = ({"cardiac"}, {"pleural"})
_NEGATIONS = frozenset(["no", "not", "without", "negative", "absence", "free", "nor"])
_BODY = ("chest", "abdomen")
_ENDS = (",", ";", "and", "but", "with", "such")
_EXAMPLES = ("such", "like", "including")
# What an abnormality "in the ..." is in where it is the whole study's.
_PICTURE = frozenset(
    [
        "the",
        "this",
        "these",
        "x",
        "ray",
        "xray",
        "radiograph",
        "image",
        "images",
        "film",
        "study",
        "examination",
        "exam",
        "scan",
        "patient",
        "patient's",
        "chest",
        "thorax",
        "cardiopulmonary",
        "cardiothoracic",
        "system",
        "area",
        "region",
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
        "immediate",
        ",",
    ]
)
# "Normal unenhanced CT of the head", "CT of the brain is unremarkable".
_VERDICT = ("normal", "unremarkable")
_MODALITY = frozenset(
    [
        *(
            "ct",
            "cta",
            "ctpa",
            "mri",
            "mra",
            "mr",
            "mrcp",
            "scan",
            "radiograph",
            "film",
            "xr",
            "cxr",
        ),
        *(
            "ultrasound",
            "us",
            "sonogram",
            "angiogram",
            "study",
            "examination",
            "exam",
            "xray",
            "ray",
        ),
        *(
            "kub",
            "hrct",
            "nect",
            "ncct",
            "cect",
            "imaging",
            "doppler",
            "radiography",
            "ultrasonography",
        ),
    ]
)
_STUDIED = frozenset(
    [
        *(
            "of",
            "the",
            "a",
            "this",
            "and",
            "x",
            "plain",
            "unenhanced",
            "enhanced",
            "contrast",
            "non",
        ),
        *(
            "noncontrast",
            "post",
            "pre",
            "without",
            "with",
            "frontal",
            "lateral",
            "portable",
            "supine",
        ),
        *(
            "erect",
            "ap",
            "pa",
            "chest",
            "thorax",
            "thoracic",
            "head",
            "brain",
            "cranial",
            "abdomen",
        ),
        *(
            "abdominal",
            "pelvis",
            "pelvic",
            "spine",
            "cervical",
            "lumbar",
            "neck",
            "pulmonary",
            "upper",
        ),
        *(
            "whole",
            "body",
            "limited",
            "routine",
            "repeat",
            "initial",
            "today",
            "today's",
            "current",
        ),
        *("intracranial", "low", "dose", "triphasic", "renal", "resolution", "high", "c", "t", "l"),
    ]
)
_BESIDE_VERDICT = frozenset([",", ";", ")", ":", ".", "with", "except", "apart", "save", "other"])
_BESIDE_VERDICT |= {
    "aside",
    "bar",
    "barring",
    "beyond",
    "but",
    "excepting",
    "and",
    "without",
    "for",
}
_SEEN = Cue.FINITE | Cue.VERB | Cue.SEEN
_NORMAL = Outcome(("no_finding",))
_CLEAR_LUNGS = Outcome(("lung_opacity",))


def normal_study(words: list[str]) -> tuple[int, int] | None:
    """Return the words that call a study normal as a whole, as (first, one past the last)."""
    for at, word in enumerate(words):
        if word not in _VERDICT:
            continue
        last = at + 1
        while last < len(words) and words[last] in (_MODALITY | _STUDIED):
            last += 1
        while last > at + 1 and words[last - 1] in ("with", "without", "and", "of", "the"):
            last -= 1
        ends = last == len(words) or words[last] in _BESIDE_VERDICT
        if ends and not _MODALITY.isdisjoint(words[at + 1 : last]):
            return at, last
        if at + 1 < len(words) and words[at + 1] not in _BESIDE_VERDICT:
            continue
        verb = at - 1
        if verb > 0 and words[verb] in ("is", "was", "are", "appears", "remains"):
            first = verb
            while first > 0 and words[first - 1] in (_MODALITY | _STUDIED):
                first -= 1
            alone = first == 0 or words[first - 1] in _BESIDE_VERDICT
            if alone and not _MODALITY.isdisjoint(words[first:verb]):
                return first, at + 1
    return None


def whole_study(
    clause: list[Item], index: int, words: list[str], lexicon: Lexicon
) -> list[tuple[Outcome, Item | None]]:
    """`no_finding` where the word at `index` is denied of the whole study, else nothing.

    Denied of the lungs alone ("no acute pulmonary disease"), it is their opacity that is absent.

    Every word between the negation and this one has to be a degree or the name of the whole.
    """
    item = clause[index]
    denials = {other.last - 1 for other in clause if _denies(other, words)}
    at = item.first - 1
    named: set[str] = set()
    while at >= 0 and at not in denials and words[at] not in ("no", "without", "negative"):
        word = words[at]
        if word in _WHOLE:
            named.add(word)
        elif word not in _DEGREE:
            return []
        at -= 1
    if at > 0 and words[at] == "without" and words[at - 1] in ("not", "never"):
        return []
    if at < 0 or named in _PART or not any(other.cue & Cue.ABSENT_BEFORE for other in clause):
        return []
    if not named and any(_is_part(place, lexicon) for place in _places(clause, index)):
        return []
    if not _ends(clause, index, words):
        return []
    return [(_CLEAR_LUNGS if named == {"pulmonary"} else _NORMAL, None)]


def _denies(item: Item, words: list[str]) -> bool:
    """Whether it negates by its own words, and does not say that something went."""
    if not item.cue & Cue.ABSENT_BEFORE or item.cue & Cue.RESOLUTION or item.names:
        return False
    return not _NEGATIONS.isdisjoint(words[item.first : item.last])


def _ends(clause: list[Item], index: int, words: list[str]) -> bool:
    """Whether what follows the word leaves it said of the whole study."""
    item = clause[index]
    follows = words[item.last : item.last + 3]
    if follows and follows[0] == "to" and follows[1:2] not in (["report"], ["note"]):
        return False
    if follows and follows[0] in ("suggesting", "suggestive", "concerning"):
        return False
    if follows and follows[0] in ("in", "of", "within") and not _in_picture(item.last + 1, words):
        return False
    if not any(other.names and other.first > item.last for other in clause[index + 1 :]):
        return True
    return any(word in _EXAMPLES for word in follows) or _denial_goes_on(clause[index + 1 :])


def _denial_goes_on(following: list[Item]) -> bool:
    """Whether more is denied: "no acute process or fracture", "..., and no fracture"."""
    rest = itertools.dropwhile(lambda item: item.cue & _SEEN and not item.names, following)
    joint, second = next(rest, None), next(rest, None)
    if joint is None or second is None:
        return False
    if joint.cue & Cue.OR:
        return True
    return bool(joint.cue & (Cue.AND | Cue.COMMA) and second.cue & Cue.ABSENT_BEFORE)


def _in_picture(at: int, words: list[str]) -> bool:
    """Whether the words from `at` on, to a mark or a conjunction, name the whole picture."""
    start = at
    while at < len(words) and words[at] in _PICTURE:
        at += 1
    return at > start and (at == len(words) or words[at] in _ENDS)


def _is_part(place: Item, lexicon: Lexicon) -> bool:
    """Whether it is an organ of the chest or the belly, and not one of them as a whole."""
    return any(
        lexicon.regions.get(tag) in (Region.CHEST, Region.ABDOMEN) and tag not in _BODY
        for tag in place.entry.tags
    )


def _places(clause: list[Item], index: int) -> list[Item]:
    """Return the places after the word, past "is seen", or else those that its clause is about."""
    at = index
    while at + 1 < len(clause) and clause[at + 1].cue & _SEEN:
        at += 1
    following = after(clause, at, adjective=False, series=True)
    return following or subject(clause, index) or leading(clause, index)


def denied_organs(
    clause: list[Item], index: int, words: list[str], lexicon: Lexicon
) -> list[tuple[Outcome, Item | None]]:
    """Return what "no abnormality in the heart or lungs" rules out: what "normal" would.

    The organs stand after the word, or are the subject of its verb: "the bones show no
    abnormality".
    """
    item = clause[index]
    if not any(_denies(other, words) and other.first < item.first for other in clause):
        return []
    qualities = before(clause, index, series=False)
    if any(tag in lexicon.regions for place in qualities for tag in place.entry.tags):
        return []
    if words[item.first - 1] in _WHOLE:
        return []
    found: dict[tuple[str, ...], tuple[Outcome, Item | None]] = {}
    for place in sorted(_places(clause, index), key=lambda place: place.first):
        for tag in place.entry.tags:
            if tag in lexicon.normal:
                codes = lexicon.normal[tag].codes
                found.setdefault(codes, (Outcome(codes), place))
    return list(found.values())
