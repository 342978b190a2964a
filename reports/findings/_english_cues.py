"""What words of an English report do to the findings around them."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Cue:
    """What a word does to the findings around it, as bits.

    Plain integers: the operators of `IntFlag` took a third of the reading time.
    """

    ABSENT_BEFORE = 1 << 0
    ABSENT_AFTER = 1 << 1
    NEITHER = 1 << 2
    UNCERTAIN_BEFORE = 1 << 3
    UNCERTAIN_AFTER = 1 << 4
    STATED = 1 << 5
    BREAK = 1 << 6
    UNREAD = 1 << 7
    RECOMMENDED = 1 << 8
    EXAMINATION = 1 << 9
    VERB = 1 << 10
    FINITE = 1 << 11
    STARTS_ANEW = 1 << 12
    PREPOSITION = 1 << 13
    COMMA = 1 << 14
    AND = 1 << 15
    OR = 1 << 16
    WITH = 1 << 17
    SEEN = 1 << 18
    BORDERLINE = 1 << 19
    FAVORED = 1 << 20
    SUGGESTED = 1 << 21
    DIFFERENTIAL = 1 << 22
    LIKELY = 1 << 23
    LIKELY_AFTER = 1 << 24
    ALTERNATIVE = 1 << 27
    PART = 1 << 25
    EXCLUDE = 1 << 26
    UNABLE = 1 << 28
    CHANGE = 1 << 29
    UNREAD_NEXT = 1 << 30
    UNREAD_AFTER = 1 << 31
    """What stands right before was only looked for: "pneumonia protocol"."""
    CONDITION = 1 << 32
    """To the next comma nothing is stated: "if pneumonia is suspected, ..."."""
    EXCEPTION = 1 << 33
    """What follows is there, whatever is said of the rest."""
    RESOLUTION = 1 << 34
    """Says that a finding or device went: "has cleared", "removal of"."""
    PARTIAL = 1 << 35
    """Takes a resolution back: "incomplete", "yet to"."""
    DOUBTED = 1 << 36
    """What follows was not found out, denied or not: "it cannot be said that"."""
    EXISTS = 1 << 37
    """After a modal, it may be there: "could be missed"."""
    MODAL = 1 << 38
    ANSWER = 1 << 39
    """A template's answer: it is about all that its line named before."""
    LOOSE = 1 << 40
    """A place behind it is not the finding's organ: "next to the liver"."""
    EARLIER = 1 << 41
    COLON = 1 << 42
    """Divides only where both sides name a finding."""
    OTHERWISE = 1 << 43
    """What follows is said of the rest alone."""
    UNDONE = 1 << 46
    """The resolution has not come: "yet to", "failed to"."""
    PARTIAL_AFTER = 1 << 45
    """Takes the resolution before it back: "cleared in part"."""
    MISSING = 1 << 54
    """A normal thing is absent, which denies its own phrase only: "without flow, torsion"."""
    WITHIN = 1 << 44
    """Leads to the place of a whole list: "in the brain"."""
    THAT = 1 << 47
    """After a verb of reporting, opens the statement: "shows that the heart is normal"."""
    UNTRUE = 1 << 48
    """Takes the whole statement after it back: "it is not true that"."""
    CONCESSION = 1 << 49
    """To the next comma nothing is stated, and what follows is: "even if rotated, ..."."""
    SHOWING = 1 << 51
    """A verb of showing: what was asked for stands before it."""
    OPENING = 1 << 52
    CLOSING = 1 << 53
    """A bracket: what is denied in it is denied in it alone."""
    CAUSE = 1 << 50
    """Leads to what brought the finding before it about: "shift to the left from a ..."."""


class Hedge(IntEnum):
    """How a statement is hedged, the least doubtful first: label sets differ in what counts."""

    NONE = 0
    LIKELY = 1
    """Probable, likely."""
    BORDERLINE = 2
    FAVORED = 3
    ALTERNATIVE = 4
    """One of several: or, versus, a stroke."""
    SUGGESTED = 5
    """Suggestive of, suggests."""
    POSSIBLE = 6
    """May, possible, concerning for, cannot be excluded."""


class Denial(StrEnum):
    """How a word denies."""

    PLAIN = "plain"
    """Not, without, never: of what it stands before."""
    SENSE = "sense"
    """By its own sense: fail, lack, free of."""
    EXCLUDING = "excluding"
    """Disprove, refute: denied, it leaves the matter open."""
    FALSITY = "falsity"
    """Wrong, mistaken: of a statement."""


CUES = {
    "absent_before": Cue.ABSENT_BEFORE,
    "absent_after": Cue.ABSENT_AFTER,
    "neither": Cue.NEITHER,
    "uncertain_before": Cue.UNCERTAIN_BEFORE,
    "uncertain_after": Cue.UNCERTAIN_AFTER,
    "stated": Cue.STATED,
    "breaks": Cue.BREAK,
    "unread": Cue.UNREAD,
    "unread_next": Cue.UNREAD_NEXT,
    "recommended": Cue.RECOMMENDED,
    "borderline": Cue.BORDERLINE,
    "favored": Cue.FAVORED,
    "suggested": Cue.SUGGESTED,
    "likely": Cue.LIKELY,
    "differential": Cue.DIFFERENTIAL,
    "likely_after": Cue.LIKELY_AFTER,
    "alternative": Cue.ALTERNATIVE,
    "exclude": Cue.EXCLUDE,
    "unable": Cue.UNABLE,
    "unread_after": Cue.UNREAD_AFTER,
    "condition": Cue.CONDITION,
    "exception": Cue.EXCEPTION,
    "resolution": Cue.RESOLUTION,
    "partial": Cue.PARTIAL,
    "undone": Cue.UNDONE,
    "partial_after": Cue.PARTIAL_AFTER,
    "doubted": Cue.DOUBTED,
    "exists": Cue.EXISTS,
    "modal": Cue.MODAL,
    "loose": Cue.LOOSE,
    "otherwise": Cue.OTHERWISE,
    "concession": Cue.CONCESSION,
    "cause": Cue.CAUSE,
    "within": Cue.WITHIN,
    "that": Cue.THAT,
    "untrue": Cue.UNTRUE | Cue.ABSENT_BEFORE,
}
LISTS = {
    "examinations": Cue.EXAMINATION,
    "verbs": Cue.VERB,
    "finite": Cue.FINITE,
    "seen": Cue.SEEN,
    "parts": Cue.PART,
    "starts_anew": Cue.STARTS_ANEW,
    "showing": Cue.SHOWING,
    "prepositions": Cue.PREPOSITION,
}
MARKS = {
    "w /": Cue.WITH,
    ",": Cue.COMMA,
    "(": Cue.COMMA | Cue.OPENING,
    ")": Cue.COMMA | Cue.CLOSING,
    ";": Cue.BREAK,
    ":": Cue.BREAK | Cue.COLON,
    "<no>": Cue.ANSWER | Cue.ABSENT_AFTER,
    "<yes>": Cue.ANSWER,
    "<maybe>": Cue.ANSWER | Cue.UNCERTAIN_AFTER,
    "<open>": Cue.ANSWER | Cue.UNREAD_AFTER,
    "<query>": Cue.UNCERTAIN_BEFORE,
    "clinically <query>": Cue.UNREAD,
    "and": Cue.AND,
    "or": Cue.OR,
    "/": Cue.OR,
    "versus": Cue.OR,
    "vs": Cue.OR,
    "with": Cue.WITH,
}
# Lists whose phrases are one word of each of their parts.
TOGETHER = {
    "unsure": Cue.UNCERTAIN_BEFORE | Cue.UNCERTAIN_AFTER,
    "concern": Cue.UNCERTAIN_AFTER,
    "raised": Cue.UNCERTAIN_BEFORE,
    "uncertain": Cue.UNCERTAIN_BEFORE,
    "alone": Cue.OTHERWISE,
    "nothing": Cue.ABSENT_BEFORE,
    "measured_as": Cue.PREPOSITION,
    "unseen": Cue.ABSENT_AFTER,
    "not_come": Cue.ABSENT_AFTER,
    "undecided": Cue.DOUBTED | Cue.UNCERTAIN_AFTER,
    "false": Cue.ABSENT_AFTER,
    "ordered": Cue.UNREAD,
    "not_proof": Cue.UNCERTAIN_BEFORE,
    "unsettled": Cue.UNCERTAIN_AFTER,
    "asking": Cue.UNREAD,
    "compared_side": Cue.NEITHER,
}
MODALS = frozenset(["may", "might", "could", "can", "would"])
