"""How far negation and doubt reach in a clause."""

from __future__ import annotations

from dataclasses import dataclass

from radraft.reports.findings._english_clauses import Item, cues_of, is_noun
from radraft.reports.findings._english_cues import Cue, Hedge
from radraft.reports.findings._english_places import is_located, says_normal
from radraft.reports.findings.vocabulary import Kind, vocabulary
from radraft.reports.values import Certainty

# Likely and suggested findings are present.
_AFTER = Cue.ABSENT_AFTER | Cue.UNCERTAIN_AFTER | Cue.LIKELY_AFTER
_REACHING = (
    (Cue.OPENING | Cue.CLOSING | Cue.NEITHER | Cue.EXCEPTION | Cue.ABSENT_BEFORE | Cue.MISSING)
    | (Cue.EXCLUDE | Cue.BREAK | Cue.DOUBTED | Cue.UNREAD | Cue.WITH | Cue.COMMA | Cue.AND)
    | (Cue.COLON | Cue.SHOWING | Cue.UNREAD_NEXT | Cue.CONDITION | Cue.CONCESSION | Cue.OR)
    | (Cue.UNCERTAIN_BEFORE | Cue.SUGGESTED | Cue.LIKELY | Cue.STATED | Cue.DIFFERENTIAL)
)
"""What changes how the words behind it are read."""
_REACHING_BACK = Cue.UNREAD_AFTER | Cue.MODAL | Cue.UNCERTAIN_BEFORE | _AFTER
"""What says something of the words before it."""
_LEADING = Cue.WITH | Cue.COMMA | Cue.AND | Cue.COLON
_OPENS = Cue.CONDITION | Cue.CONCESSION
_JOINS = Cue.COMMA | Cue.AND
_DOUBTS = (Hedge.BORDERLINE, Hedge.FAVORED, Hedge.ALTERNATIVE, Hedge.POSSIBLE)


def set_polarity(clause: list[Item], *, asked: bool) -> None:
    """Marks the naming items of a clause absent or uncertain, or as not read."""
    cues = cues_of(clause)
    if cues & _REACHING:
        _forward(clause)
    if cues & _REACHING_BACK:
        _backward(clause)
    if cues & Cue.OR:
        _alternatives(clause)
    for item in clause:
        if asked:
            item.hedge = Hedge.POSSIBLE
        if item.hedge in _DOUBTS and item.polarity is not Certainty.ABSENT:
            item.polarity = Certainty.UNCERTAIN


@dataclass(slots=True)
class _Scope:
    """What the words so far say of the findings to come."""

    absent: bool = False
    missing: bool = False
    """What is absent is a normal thing: no more than its own phrase is denied."""
    hedge: Hedge = Hedge.NONE
    unread: bool = False
    unread_next: bool = False
    condition: bool = False
    doubted: bool = False
    """Whether it is there was not found out, so that a negation denies nothing."""
    named: bool = False
    outside: bool | None = None
    """Whether a denial reached the bracket that is open now."""
    listed: bool = False
    """An `or` has joined what is denied."""
    open_list: bool = False


def _forward(clause: list[Item]) -> None:
    scope = _Scope()
    for index, item in enumerate(clause):
        if item.cue & _REACHING:
            _widen(scope, clause, index)
        if item.names:
            scope.named = True
            item.unread = scope.unread or scope.unread_next or scope.condition
            if scope.doubted:
                item.hedge = Hedge.POSSIBLE
            elif scope.absent:
                item.polarity = Certainty.ABSENT
            else:
                item.hedge = max(item.hedge, scope.hedge)
    if _under_condition(clause):
        # "If proven, metastasis would be likely": nothing of it is said.
        for item in clause:
            item.unread = True


def _under_condition(clause: list[Item]) -> bool:
    """Whether all of the clause hangs on a condition: at its head, or right behind its subject.

    "Torsion, should it be suspected, needs a Doppler study."
    """
    at = next((at for at, item in enumerate(clause) if item.cue & Cue.CONDITION), len(clause))
    if at == 0 or at == len(clause):
        return at == 0 and bool(clause)
    if not clause[at - 1].cue & Cue.COMMA or any(item.cue & Cue.FINITE for item in clause[:at]):
        return False
    rest = clause[at + 1 :]
    supposed = any(item.cue & (Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER) for item in rest)
    asks = any(item.cue & (Cue.EXAMINATION | Cue.RECOMMENDED) for item in rest)
    return supposed and asks and not any(map(is_noun, rest))


def _widen(scope: _Scope, clause: list[Item], index: int) -> None:
    """Take the item's cues into the scope."""
    item = clause[index]
    cue = item.cue
    if cue & Cue.OPENING:
        scope.outside = scope.absent
    elif cue & Cue.CLOSING and scope.outside is not None:
        scope.absent, scope.outside = scope.outside, None
    if cue & (Cue.NEITHER | Cue.EXCEPTION):
        scope.absent = False
        if cue & Cue.EXCEPTION:
            scope.hedge = Hedge.NONE
    elif cue & Cue.ABSENT_BEFORE and not _looks_back(clause, index):
        scope.absent, scope.hedge = True, Hedge.NONE
        scope.missing = bool(cue & Cue.MISSING)
    if cue & Cue.EXCLUDE and cue & Cue.UNCERTAIN_BEFORE:
        # "The absence of consolidation does not exclude pneumonia."
        scope.absent = False
    if scope.missing and _leaves_missing(clause, index):
        scope.absent = scope.missing = False
    if scope.unread and cue & Cue.BREAK and cue & Cue.FINITE and clause[index - 1].cue & Cue.COMMA:
        # "Given the history of asbestos exposure, there are pleural plaques."
        scope.unread = False
    scope.doubted = scope.doubted or bool(cue & Cue.DOUBTED)
    scope.unread = scope.unread or bool(cue & Cue.UNREAD)
    if cue & _LEADING:
        scope.unread_next = False
    if cue & (Cue.COLON | Cue.SHOWING) and scope.unread and _asked_before(clause, index):
        # "Asked to comment on hydronephrosis: none", "CT for pain shows a stone".
        scope.unread = False
    scope.unread_next = scope.unread_next or bool(cue & Cue.UNREAD_NEXT)
    opens = cue & _OPENS
    scope.condition = bool(opens) or (scope.condition and not cue & Cue.COMMA)
    if cue & Cue.WITH:
        scope.absent = False
        # "Could be a combination of pneumonia with atelectasis."
        if not scope.open_list or (index and clause[index - 1].cue & Cue.COMMA):
            scope.hedge = Hedge.NONE
    led = index == 1 and clause[0].cue & Cue.UNCERTAIN_BEFORE and not clause[0].names
    if cue & Cue.COMMA and not (led or _list_goes_on(clause, index, open_list=scope.open_list)):
        scope.hedge = Hedge.NONE
    scope.listed = (scope.listed and not cue & Cue.ABSENT_BEFORE) or bool(cue & Cue.OR)
    if cue & Cue.COMMA and scope.absent and scope.listed and _is_last(clause, index):
        # "No effusion or pneumothorax, cardiomegaly": the `or` has ended the list.
        scope.absent = False
    if cue & _JOINS and scope.absent and _starts_anew(clause, index):
        scope.absent = False
    said = _hedge(clause, index)
    if said is Hedge.POSSIBLE or (said and scope.hedge is not Hedge.POSSIBLE):
        # "May be due to": the doubt stays until a finding was named.
        scope.hedge, scope.named = said, False
    elif cue & Cue.STATED and (scope.named or scope.hedge is not Hedge.POSSIBLE):
        scope.hedge = said
    scope.open_list = scope.open_list or bool(cue & Cue.DIFFERENTIAL)


def _asked_before(clause: list[Item], index: int) -> bool:
    """Whether what was asked for stands before the colon or the verb."""
    asked = next((at for at, item in enumerate(clause[:index]) if item.cue & Cue.UNREAD), index)
    return asked + 1 < index or clause[asked].last < clause[index].first


def _leaves_missing(clause: list[Item], index: int) -> bool:
    """Whether the phrase of a missing normal thing ends here: not in a list with `or`."""
    cue = clause[index].cue
    if cue & Cue.COMMA:
        return not any(item.cue & Cue.OR for item in clause[index + 1 :])
    return bool(cue & (Cue.STATED | Cue.UNCERTAIN_BEFORE)) and not cue & Cue.OR


def _hedge(clause: list[Item], index: int) -> Hedge:
    """The hedge of what follows the cue at `index`."""
    cue = clause[index].cue
    if cue & Cue.UNCERTAIN_BEFORE and not (
        cue & Cue.UNCERTAIN_AFTER and _looks_back(clause, index)
    ):
        if cue & Cue.BORDERLINE:
            return Hedge.BORDERLINE
        if cue & Cue.FAVORED:
            return Hedge.FAVORED
        return Hedge.ALTERNATIVE if cue & (Cue.OR | Cue.ALTERNATIVE) else Hedge.POSSIBLE
    if cue & Cue.SUGGESTED:
        return Hedge.SUGGESTED
    return Hedge.LIKELY if cue & Cue.LIKELY else Hedge.NONE


def _looks_back(clause: list[Item], index: int) -> bool:
    """Whether a cue that can work either way works on what stands before it."""
    cue = clause[index].cue
    if not cue & (Cue.ABSENT_AFTER | Cue.UNCERTAIN_AFTER):
        return False
    if not any(item.names for item in clause[:index]):
        return False
    for item in clause[index + 1 :]:
        if item.names:
            return False
        if item.cue & (Cue.COMMA | Cue.WITH | Cue.AND | Cue.PREPOSITION):
            return True
    return True


def _starts_anew(clause: list[Item], index: int) -> bool:
    """Whether the list of a negation has ended: "no effusion, small nodule on the left"."""
    after = clause[index + 1 :]
    if not after:
        return False
    first = after[1] if after[0].cue & Cue.AND and len(after) > 1 else after[0]
    if any(item.cue & Cue.OR for item in after):
        return False
    if first.cue & Cue.STARTS_ANEW or first.counted:
        return True
    if _denied_singly(clause, index) and is_noun(first):
        return True
    return _stands_alone(after)


def _denied_singly(clause: list[Item], index: int) -> bool:
    """Whether each item of the list so far has its own denial: "ascites, no stone, ...".

    What comes without one is there.
    """
    denials = [at for at in range(index) if clause[at].cue & Cue.ABSENT_BEFORE]
    if not denials or denials[-1] == 0 or not clause[denials[-1] - 1].cue & Cue.COMMA:
        return False
    return sum(1 for item in clause[denials[-1] : index] if item.names) == 1


def _is_last(clause: list[Item], index: int) -> bool:
    """Whether a finding follows the comma, and no more of a list."""
    after = clause[index + 1 :]
    if not after or any(item.cue & (Cue.OR | Cue.ABSENT_BEFORE) for item in after):
        return False
    first = next((item for item in after if item.names or not is_located(item)), after[0])
    return is_noun(first) or says_normal(first)


def _stands_alone(after: list[Item]) -> bool:
    """Whether what follows the comma of a denied list is a statement of its own.

    It is a chance finding that nobody lists as denied ("no effusion, hiatus hernia"), or has a
    side of its own ("no pneumothorax, rib fractures on the left").
    """
    at = next((at for at, item in enumerate(after) if item.names), len(after))
    if at == len(after) or any(item.cue & Cue.ABSENT_BEFORE for item in after[:at]):
        return False
    codes = after[at].entry.codes
    if says_normal(after[at]) or (codes and vocabulary()[codes[0]].kind is Kind.DEVICE):
        return True
    if after[at].measured or not CHANCE_FINDINGS.isdisjoint(after[at].entry.codes):
        return True
    last = not any(item.cue & (Cue.COMMA | Cue.AND) for item in after)
    return last and after[at].plural and any(item.entry.side for item in after[at + 1 :])


CHANCE_FINDINGS = frozenset(
    [
        *("degenerative_change", "osteophyte", "scoliosis", "kyphosis", "white_matter_lesion"),
        *("brain_atrophy", "hepatic_steatosis", "diverticulosis", "hiatal_hernia", "osteopenia"),
        *("renal_cyst", "liver_cyst", "tortuous_aorta", "granuloma", "lacunar_infarct"),
        *("encephalomalacia", "old_rib_fracture", "disc_degeneration", "uterine_fibroid"),
        *("sternotomy_wires", "surgical_clips", "pacemaker", "orthopedic_hardware", "kyphosis"),
    ]
)
"""What is noted beside what was looked for."""


def _list_goes_on(clause: list[Item], index: int, *, open_list: bool) -> bool:
    """Whether the items after this comma share the doubt: a list of what may be, or an `or`."""
    after = clause[index + 1 :]
    if any(item.cue & Cue.OR for item in after):
        return True
    return open_list and bool(after) and not after[0].cue & Cue.STARTS_ANEW


def _backward(clause: list[Item]) -> None:
    for index, item in enumerate(clause):
        cue = item.cue
        if cue & Cue.UNREAD_AFTER:
            _only_sought(clause, index)
        if cue & Cue.MODAL and _may_exist(clause, index):
            cue = Cue.UNCERTAIN_AFTER
        if (
            cue & Cue.UNCERTAIN_BEFORE
            and not cue & Cue.OR
            and (_ends(clause, index) or _is_predicate(clause, index))
        ):
            # "Pneumonia, possible." "Its absence does not exclude it."
            cue = item.cue = cue | Cue.UNCERTAIN_AFTER
        if not cue & _AFTER:
            continue
        if cue & (Cue.ABSENT_BEFORE | Cue.UNCERTAIN_BEFORE) and not _looks_back(clause, index):
            continue
        for target in _governed(clause, index):
            if cue & Cue.LIKELY_AFTER:
                target.hedge = max(target.hedge, Hedge.LIKELY)
            elif cue & Cue.UNCERTAIN_AFTER:
                target.hedge = Hedge.POSSIBLE
                if target.polarity is Certainty.ABSENT:
                    target.polarity = Certainty.PRESENT
            elif not any(item.cue & Cue.DOUBTED for item in clause[:index]):
                target.polarity = Certainty.ABSENT
            else:
                target.hedge = Hedge.POSSIBLE


def _ends(clause: list[Item], index: int) -> bool:
    """Whether nothing follows that a doubt put before it could be about."""
    item = clause[index]
    return item.closing or bool(
        item.cue & Cue.EXCLUDE and not any(map(is_noun, clause[index + 1 :]))
    )


def _is_predicate(clause: list[Item], index: int) -> bool:
    """Whether a doubt is said of the subject: "a pneumothorax seems possible on the right"."""
    if index == 0 or not clause[index - 1].cue & Cue.FINITE:
        return False
    follows = clause[index + 1 : index + 2]
    on = bool(follows) and (follows[0].cue & Cue.PREPOSITION or is_located(follows[0]))
    return bool(on) and not any(map(is_noun, clause[index + 1 :]))


def _only_sought(clause: list[Item], index: int) -> None:
    """Leave out the finding right before: "pneumonia protocol", "pneumothorax: not assessed"."""
    if clause[index].cue & Cue.ANSWER:
        for item in _governed(clause, index):
            item.unread = True
        return
    before = clause[index - 1] if index else None
    if before is not None and before.names and before.last == clause[index].first:
        before.unread = True


def _may_exist(clause: list[Item], index: int) -> bool:
    """Whether what stands before the modal may be there: "could easily be missed"."""
    after = clause[index + 1 :]
    return any(item.cue & Cue.EXISTS for item in after) and not any(map(is_noun, after))


def _governed(clause: list[Item], index: int) -> list[Item]:
    """Naming items before a cue that it reaches: its list, or its part after the last comma."""
    commas = sum(1 for item in clause[:index] if item.cue & Cue.COMMA)
    series = commas >= 2 or _is_series(clause[:index])
    found: list[Item] = []
    answer = clause[index].cue & Cue.ANSWER
    for item in reversed(clause[:index]):
        if item.cue & Cue.COMMA and found and not series and not answer:
            break
        if item.cue & Cue.PART or (item.cue & (Cue.WITH | Cue.STATED) and found):
            break
        if item.names:
            found.append(item)
    return found


def _is_series(before: list[Item]) -> bool:
    """Whether what stands before a verdict is one list: "bleeding, infarction and mass are"."""
    comma = next((at for at, item in enumerate(before) if item.cue & Cue.COMMA), None)
    if comma is None:
        return False
    joined = any(item.cue & (Cue.AND | Cue.OR) for item in before[comma:])
    return joined and not any(item.cue & _SAYS for item in before[:comma])


_SAYS = Cue.FINITE | Cue.SEEN | Cue.ABSENT_AFTER | Cue.UNCERTAIN_AFTER


def _alternatives(clause: list[Item]) -> None:
    """`or`, `versus` and a stroke put the findings on both sides in doubt, unless ruled out."""
    for index, item in enumerate(clause):
        if not item.cue & Cue.OR:
            continue
        before = _nearest(clause[:index][::-1])
        after = _nearest(clause[index + 1 :])
        if before is not None and _other_reading(clause, index, before):
            before.hedge = max(before.hedge, Hedge.ALTERNATIVE)
        if before is None or after is None:
            continue
        if before.entry.codes and before.entry.codes == after.entry.codes:
            # "Pacemaker/defibrillator": two words for one thing.
            continue
        if Certainty.ABSENT in (before.polarity, after.polarity):
            continue
        before.hedge = max(before.hedge, Hedge.ALTERNATIVE)
        after.hedge = max(after.hedge, Hedge.ALTERNATIVE)


def _other_reading(clause: list[Item], index: int, before: Item) -> bool:
    """Whether `or` leads from a finding to what the rules have no word for, and to nothing else.

    "Hydronephrosis or an extrarenal pelvis."
    """
    return (
        before.polarity is not Certainty.ABSENT
        and is_noun(before)
        and before.last == clause[index].first
        and not clause[index].closing
        and all(is_located(item) or item.entry.word for item in clause[index + 1 :])
        and clause[index].last - clause[index].first == 1
        and not any(item.cue & Cue.ABSENT_BEFORE for item in clause[:index])
    )


def _nearest(items: list[Item]) -> Item | None:
    for item in items:
        if item.names:
            return item
        if item.cue & (Cue.FINITE | Cue.COMMA | Cue.WITH):
            return None
    return None


def mark_recommendations(sentence: list[Item]) -> None:
    """A recommendation states nothing: drops its clause, from the examination it names on."""
    for index, item in enumerate(sentence):
        if not item.cue & Cue.RECOMMENDED:
            continue
        start = index
        for at in range(index - 1, -1, -1):
            if sentence[at].cue & (Cue.COMMA | Cue.BREAK | Cue.AND):
                break
            if sentence[at].cue & Cue.EXAMINATION:
                start = at
        for dropped in sentence[start:]:
            dropped.unread = True
