"""Side, place, change and size of a finding, from the words of its clause."""

from __future__ import annotations

from radraft.reports.findings import _english_places
from radraft.reports.findings._english_clauses import Item, cues_of, is_noun
from radraft.reports.findings._english_cues import Cue
from radraft.reports.findings._english_lexicon import Lexicon
from radraft.reports.findings.values import Change
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Certainty, Laterality

_SAID = Cue.VERB | Cue.SEEN | Cue.PREPOSITION | Cue.UNCERTAIN_AFTER | Cue.ABSENT_AFTER
_SAYS = _SAID & ~Cue.PREPOSITION
_LEADS = _SAID | Cue.UNABLE | Cue.EXCLUDE | Cue.PARTIAL | Cue.RESOLUTION


def located(clause: list[Item], index: int) -> tuple[list[Item], list[Item]]:
    """Side and place items of the finding at `index`: those before it, and those after."""
    item = clause[index]
    state = _is_state(item)
    preceding = _english_places.before(clause, index, series=False)
    following = _english_places.after(clause, index, adjective=state)
    if state and not following:
        preceding = preceding or _english_places.subject(clause, index)
    elif state:
        preceding = preceding + _english_places.subject(clause, index)
    if side(preceding, following) is None:
        following = following + _answered(clause, index)
    if side(preceding, following) is None and (preceding or following):
        # "On the left there is lower lobe consolidation."
        led = _english_places.leading(clause, index)
        if not any("view" in item.entry.tags for item in led):
            following = following + [item for item in led if item.entry.side]
    if not preceding and not following:
        following = _headed(clause, index)
    if not any(item.entry.side or item.entry.anatomy for item in [*preceding, *following]):
        ended = _said_to_be(clause, index) or _alternative(clause, index)
        ended = ended or _list_end(clause, index)
        if ended:
            following = ended
        elif not preceding and not following:
            preceding = _english_places.leading(clause, index)
    return preceding, following


def _answered(clause: list[Item], index: int) -> list[Item]:
    """Places of a template's answer: "Pleural effusion: yes, left"."""
    at = index + 1
    while at < len(clause) and (
        clause[at].cue & (Cue.OR | Cue.PREPOSITION) or _english_places.is_located(clause[at])
    ):
        at += 1
    if not cues_of(clause[at : at + 2]) & (Cue.ANSWER | Cue.COLON):
        return []
    after = clause[at:]
    if any(item.names for item in after):
        return []
    return [item for item in after if item.entry.side or item.entry.anatomy]


def _said_to_be(clause: list[Item], index: int) -> list[Item]:
    """Places after "is seen": "plaques are present bilaterally"."""
    found: list[Item] = []
    said = False
    for item in clause[index + 1 :]:
        said = said or bool(item.cue & _SAYS)
        if item.cue & Cue.COMMA and not said and not any(map(is_noun, clause[index + 1 :])):
            continue
        if said and (item.entry.side or item.entry.anatomy):
            found.append(item)
            continue
        leads = item.cue & _LEADS or item.change
        if item.names or item.cue & Cue.WITH or not leads:
            break
    return found


def _headed(clause: list[Item], index: int) -> list[Item]:
    """Sides of the heading of a line: "Right kidney: 4 mm stone, no hydronephrosis"."""
    colon = next((at for at, item in enumerate(clause[:index]) if item.cue & Cue.COLON), 0)
    if any(item.entry.side for item in clause[colon:]):
        return []
    if any(item.names for item in clause[:colon]):
        return []
    return [item for item in clause[:colon] if _english_places.is_located(item)]


def _alternative(clause: list[Item], index: int) -> list[Item]:
    """Places of the noun after `or` or `and`: "effusion and atelectasis at the left base"."""
    if index + 2 >= len(clause) or not clause[index + 1].cue & (Cue.OR | Cue.AND):
        return []
    if clause[index + 1].cue & Cue.AND and not _is_paired(clause[index]):
        return []
    if not clause[index + 2].names:
        return []
    return _english_places.after(clause, index + 2, adjective=False)


def _list_end(clause: list[Item], index: int) -> list[Item]:
    """Places at the end of a list: "no mass, no stone, no cyst in the left kidney".

    Past its verb too: "a cyst, a stone and a mass are present in the left kidney".
    """
    last = index
    for at in range(index + 1, len(clause)):
        item = clause[at]
        if item.names:
            last = at
        elif item.entry.nor or not item.cue & _LISTS:
            break
    if last == index:
        return []
    end = last
    while end + 1 < len(clause) and clause[end + 1].cue & _VERDICT:
        end += 1
    denied = any(item.cue & Cue.ABSENT_BEFORE for item in clause[index:last])
    if not denied and (end == last or not any(item.cue & Cue.AND for item in clause[index:last])):
        return []
    return _english_places.after(clause, end, adjective=False)


_LISTS = Cue.ABSENT_BEFORE | Cue.COMMA | Cue.OR | Cue.AND | Cue.STARTS_ANEW
_VERDICT = Cue.FINITE | Cue.SEEN | Cue.ABSENT_AFTER


def _is_paired(item: Item) -> bool:
    """Whether the finding is one that a side can be said of."""
    codes = item.entry.codes or (item.entry.word.default.codes if item.entry.word else ())
    return bool(codes) and vocabulary()[codes[0]].kind is Kind.FINDING and codes[0] not in _UNPAIRED


# Of organs in the middle, or of the whole body.
_UNPAIRED = frozenset(
    [
        *("cardiomegaly", "enlarged_cardiac_silhouette", "mediastinal_widening", "ascites"),
        *("mediastinal_mass", "mediastinal_shift", "tracheal_deviation", "pneumomediastinum"),
        *("pericardial_effusion", "heart_failure", "pneumoperitoneum", "hepatomegaly", "scoliosis"),
        *("splenomegaly", "tortuous_aorta", "aortic_calcification", "hiatal_hernia", "no_finding"),
        *("pulmonary_edema", "copd", "pulmonary_hypertension", "mediastinal_lymphadenopathy"),
        *("hydrocephalus", "brain_atrophy", "cirrhosis", "hepatic_steatosis", "gallstone"),
        *("osteopenia", "degenerative_change", "midline_shift", "low_lung_volumes", "kyphosis"),
    ]
)


def _is_state(item: Item) -> bool:
    return item.entry.word is not None and item.entry.word.state


def side(preceding: list[Item], following: list[Item]) -> Laterality | None:
    """The side said of a finding: before it, or else after it; both sides are bilateral."""
    for group in (preceding, following):
        said: Laterality | None = None
        for item in group:
            here = item.entry.side
            if here is not None and here is not said:
                if said is not None:
                    return Laterality.BILATERAL
                said = here
        if said is not None:
            return said
    return None


def shared_side(clause: list[Item], index: int) -> Item | None:
    """The finding before this one that it shares a side with: "left effusion and atelectasis"."""
    if index < 2 or not clause[index - 1].cue & (Cue.AND | Cue.OR):
        return None
    before = clause[index - 2]
    close = clause[index].first - clause[index - 1].last == 0
    return before if before.names and close else None


def change(clause: list[Item], index: int, words: list[str], lexicon: Lexicon) -> Change | None:
    """The change over time said of the finding at `index`."""
    item = clause[index]
    found = _change_before(clause, index, words, lexicon)
    if found in (None, Change.STABLE):
        # "Again seen is a pneumothorax, slightly larger": the comparison says more.
        found = _change_after(clause, index, words, lexicon) or found
    if item.polarity is Certainty.ABSENT:
        return Change.RESOLVED if found is Change.RESOLVED else None
    return None if found is Change.RESOLVED else found


def _change_of(item: Item, words: list[str], lexicon: Lexicon) -> Change | None:
    said = item.change
    if said in (Change.INCREASED, Change.DECREASED) and item.last < len(words):
        following = words[item.last]
        # "increased in the left base" is a change; "increased opacity" is not.
        if item.last - item.first == 1 and following in lexicon.measured:
            return None
    return said


def _change_before(
    clause: list[Item], index: int, words: list[str], lexicon: Lexicon
) -> Change | None:
    for at in range(index - 1, -1, -1):
        item = clause[at]
        if item.names:
            joined = clause[at + 1].cue & (Cue.AND | Cue.OR | Cue.COMMA)
            if not joined or item.change:
                return None
            continue
        found = _change_of(item, words, lexicon)
        if found is not None:
            return found
        if item.cue & (Cue.WITH | Cue.ABSENT_AFTER):
            return None
    return None


def _change_after(
    clause: list[Item], index: int, words: list[str], lexicon: Lexicon
) -> Change | None:
    others = False
    predicate = False
    for item in clause[index + 1 :]:
        if item.names:
            others = True
            predicate = False
        predicate = predicate or bool(item.cue & Cue.FINITE)
        if item.cue & (Cue.WITH | Cue.STATED | Cue.UNCERTAIN_BEFORE):
            return None
        found = _change_of(item, words, lexicon)
        if found is not None:
            return found if predicate or not others or item.cue & Cue.FINITE else None
    return None
