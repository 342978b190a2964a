"""An English report as passages: which are read, and which organ or region a heading names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from radraft.reports.findings._english_lexicon import Lexicon
from radraft.reports.findings.vocabulary import Region

# Sections that state nothing about the image.
_UNREAD = (
    r"(?:exam(?:ination)? )?indications?|(?:clinical |brief |patient |past |medical |surgical )*"
    r"(?:history|hx)|pmhx?|[hd]x|(?:relevant )?clinical(?: (?:indication|information|info|data|"
    r"question|statement|details?|notes?|diagnos[ie]s|context|background|presentation|picture|"
    r"findings?|problem|impression|summary|concern))?|(?:presenting|chief) (?:complaint|problem)s?|"
    r"(?:provisional |working |admi(?:tting|ssion) |referr(?:al|ing) |suspected )diagnos[ie]s|"
    r"diagnos[ie]s (?:on|at|for) (?:referral|admission|request)|"
    r"ddx?|(?:exam(?:ination)?|study|scan|referral|order(?:ing)?) (?:reason|indication|question)s?|"
    r"reasons?(?: for (?:the )?(?:exam(?:ination)?|study|scan|request|referral|test|visit|order"
    r"|imaging|ct|mri|x-?ray))?|requests?(?:ed)?(?: details| information| for)?|questions?|"
    r"(?:icd|diagnosis) codes?|symptoms?|background|referral|complaints?|to (?:exclude|evaluate|"
    r"assess|rule out)|r/o|concern|query|"
    r"comparisons?|compared? (?:to|with)|(?:prior|previous)(?: (?:exam(?:ination)?s?|stud(?:y|ies)|"
    r"imaging|films?))?|technique|n?dication|"
    r"exam(?:ination)?|procedure|study|protocol|views?|notification|recommendations?|"
    r"reference exam|limitations?|contrast|dose|medications?|allergies"
)
_READ = (
    r"wet read|preliminary(?: report| read)?|(?:other |additional |incidental )?findings?"
    r"(?: and impression)?|impressions?|"
    r"conclusions?|report|interpretation|(?:frontal|portable|single|ap|pa)\b[a-z ,/&-]{0,60}|"
    r"results?|comments?|"
    r"lines(?: and |/)tubes|other|opinion|summary|diagnosis|diagnoses"
)
# Sections that open a report's body, also in the middle of a line.
_BODY = r"(?:findings?|impressions?|conclusions?|report|results?)"
_HEADER = re.compile(
    rf"(?:^|(?<=[\n.?!;])|(?<=report)|(?<=  )|(?<=[a-z,] )(?={_BODY}:))[ \t_*#]*"
    rf"(?:final report[ \t]*)?"
    rf"(?:(?P<unread>{_UNREAD})|(?P<read>{_READ}))[ \t]*(?::|(?<=[a-z])[ \t]+--?[ \t]+)",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"(?:^|(?<=[\n.]))[ \t]*[A-Z][A-Z ,/()&-]{3,60}:")
_LABEL = re.compile(
    r"(?:^|(?<=[\n.;!?])|(?<=\) ))[ \t*#\d)-]*(?P<label>[a-z][a-z ,/&()'-]{1,60}?)[ \t]*:",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\b(?:ct|cta|mri|mra|mr|xr|x-?ray|cxr|us|ultrasound|sonogra\w+|radiographs?|films?|scan)\b",
    re.IGNORECASE,
)
_EXAMINATION = re.compile(r"exam|study|procedure|protocol|technique", re.IGNORECASE)
_COMPARISON = re.compile(r"comparison|compare|reference|prior|previous", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_FIRST_SENTENCE = re.compile(r"\n|[.?!;](?=\s+[A-Za-z*\d]|\s*$)")
FRONTAL = ["frontal"]
"""As a bare word more often a view than a lobe."""
# A heading with one of the first asks, one with one of the second reports.
_ASKING = frozenset(
    [
        *("referral", "referred", "referrer", "letter", "history", "hx", "query", "question"),
        *("questions", "reason", "request", "requested", "requisition", "indication", "info"),
        *("clinical", "clin", "background", "presentation", "presenting", "presented", "details"),
        *("complaint", "symptom", "symptoms", "context", "purpose", "gp", "triage", "dx"),
        *(
            "provisional",
            "working",
            "ed",
            "ae",
            "ward",
            "preop",
            "admitting",
            "casualty",
            "admission",
            "order",
            "asked",
            "queries",
            "concern",
            "note",
        ),
        *("prior", "previous", "old", "earlier", "last"),
        *("comparison", "compared", "technique", "protocol", "allergies", "pmh", "pmhx"),
    ]
)
_REPORTING = frozenset(
    [
        *("finding", "findings", "report", "impression", "conclusion", "conclusions", "result"),
        *("results", "answer", "opinion", "interpretation", "now", "today", "reply", "read"),
        *("response", "reported", "diagnosis", "scan", "ct", "mri", "mr", "us", "uss", "cxr"),
        *("xr", "xray", "ultrasound", "radiograph", "film", "imaging", "doppler", "hrct", "ctpa"),
        *("mrcp", "kub", "usg", "sonography", "assessment", "summary"),
    ]
)
# Words of a heading that say nothing about the organ.
_FILLERS = frozenset(
    [
        "and",
        "the",
        "of",
        "or",
        "with",
        "without",
        "contrast",
        "ct",
        "cta",
        "mri",
        "mr",
        "us",
        "scan",
        "ultrasound",
        "x",
        "ray",
        "plain",
        "film",
        "findings",
        "region",
        "area",
        "system",
        "structure",
        "structures",
        "visualized",
        "visualised",
        "imaged",
        "other",
        "&",
        "/",
        ",",
        "(",
        ")",
        "both",
        "iv",
        "upper",
        "lower",
        "field",
        "fields",
        "pa",
        "ap",
        "lateral",
        "frontal",
        "portable",
        "single",
        "view",
        "views",
        "two",
        "one",
    ]
)
# Places whose name heads the sections of a region, and with it the organs below.
_REGION_TAGS = frozenset(
    ["chest", "head", "brain", "neck", "abdomen", "pelvis", "spine", "other", "pelvis_word"]
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of the text that is read, or that is not because of its heading."""

    start: int
    end: int
    read: bool
    comparison: bool = False
    """Its heading says that it names the examination compared with."""
    tags: tuple[str, ...] = ()
    """Places that its heading names: words without an organ are about them."""
    region: Region | None = None
    """Of its heading or of the examination; None where neither is known."""
    headed: bool = False
    """Its heading, or the one over it, names a body part."""


@dataclass(frozen=True, slots=True)
class _Cut:
    start: int
    """Of the heading."""
    end: int
    """Of the heading, or its start where it is read with what follows ("Left kidney: a stone")."""
    read: bool
    comparison: bool = False
    examination: bool = False
    tags: tuple[str, ...] = ()
    region: Region | None = None
    lasting: bool = False
    """The region holds for the organs' headings below."""


def passages(text: str, lowered: str, region: Region | None, words: Lexicon) -> list[Passage]:
    """Return the text in order, cut at headings.

    A section that is not read ends at a blank line; where nothing else of the text could be the
    report, at the end of its first sentence.
    """
    region = region or _title_region(text, lowered, words)
    if ":" not in text and " - " not in text:
        return [Passage(0, len(text), read=True, region=region)]
    cuts = _cuts(text, lowered, words)
    if region is None:
        region = _exam_region(text, lowered, cuts, words)
    found: list[Passage] = []
    last = _Cut(0, 0, read=True, region=region)
    below, headed = region, False
    for cut in [*cuts, _Cut(len(text), len(text), read=True)]:
        if cut.start > last.end:
            final = cut.start == len(text) and not any(passage.read for passage in found)
            found += _passage(text, last, cut.start, final=final)
        if cut.lasting:
            below, headed = cut.region, True
        elif not cut.tags:
            below, headed = region, False
        last = replace(cut, region=cut.region or below, end=max(cut.end, last.end), lasting=headed)
    return found


def _cuts(text: str, lowered: str, words: Lexicon) -> list[_Cut]:
    cuts = [_section(match) for match in _HEADER.finditer(text)]
    taken = {cut.end for cut in cuts}
    if ":" in text:
        for match in _LABEL.finditer(text):
            if match.end() in taken:
                cuts = [_asked(cut, match, lowered, words) for cut in cuts]
                continue
            name = lowered[match.start("label") : match.end("label")]
            label = _organs(name, words)
            if label is not None:
                cuts.append(_label_cut(match, label, words))
                taken.add(match.end())
                continue
            read = _reads(name, words)
            if read is not None:
                cuts.append(_Cut(match.start(), match.end(), read=read))
                taken.add(match.end())
        cuts += [
            _Cut(match.start(), match.end(), read=True)
            for match in _CAPITALS.finditer(text)
            if match.end() not in taken and not _names(lowered, match, words)
        ]
    cuts.sort(key=lambda cut: cut.start)
    return cuts


def _asked(cut: _Cut, match: re.Match[str], lowered: str, words: Lexicon) -> _Cut:
    """Return the cut with all of its heading: "Prior report" is more than "report"."""
    longer = cut.end == match.end() and cut.read and match.start("label") < cut.start
    if longer and _reads(lowered[match.start("label") : match.end("label")], words) is False:
        return replace(cut, start=match.start(), read=False)
    return cut


def _reads(label: str, words: Lexicon) -> bool | None:
    """Return whether what stands under a heading of free words is read; None for no heading.

    "GP letter", "Scan question" ask; "MRI findings", "Answer" report. A name with a finding in it
    is answered and no heading.
    """
    split = [words.plain.get(word, word) for word in words.split(label)]
    if len(split) > 6 or any(
        entry.codes or entry.word for _, _, entry in words.phrases.find(split)
    ):
        return None
    if not _ASKING.isdisjoint(split):
        return False
    return True if not _REPORTING.isdisjoint(split) else None


def _section(match: re.Match[str]) -> _Cut:
    name = match["unread"]
    return _Cut(
        match.start(),
        match.end(),
        read=name is None,
        comparison=name is not None and _COMPARISON.match(name) is not None,
        examination=name is not None and _EXAMINATION.match(name) is not None,
    )


def _label_cut(match: re.Match[str], tags: tuple[str, ...], words: Lexicon) -> _Cut:
    """Return the cut at an organ's heading, whose words are read with what follows."""
    regions = {words.regions[tag] for tag in tags if tag in words.regions}
    region = None
    if len(regions) == 1:
        (region,) = regions
    elif regions == {Region.ABDOMEN, Region.PELVIS}:
        region = Region.ABDOMEN
    lasting = bool(tags) and set(tags) <= _REGION_TAGS
    return _Cut(
        match.start(),
        match.start("label"),
        read=True,
        tags=tuple(tag for tag in tags if tag not in _REGION_TAGS or tag == "pelvis_word"),
        region=region,
        lasting=lasting,
    )


def _organs(label: str, words: Lexicon) -> tuple[str, ...] | None:
    """Return the places of a heading that says nothing else, or None."""
    split = [words.plain.get(word, word) for word in words.split(label)]
    tags: list[str] = []
    at = 0
    for first, last, entry in words.phrases.find(split):
        if any(word not in _FILLERS for word in split[at:first]):
            return None
        if entry.tags or entry.side:
            tags += entry.tags
        elif any(word not in _FILLERS for word in split[first:last]):
            return None
        at = last
    if any(word not in _FILLERS for word in split[at:]):
        return None
    return tuple(tags) if tags else None


def _names(lowered: str, match: re.Match[str], words: Lexicon) -> bool:
    """Whether a heading in capitals names a finding: it is read with its answer."""
    split = words.split(lowered[match.start() : match.end() - 1])
    plain = [words.plain.get(word, word) for word in split]
    return any(entry.codes or entry.word for _, _, entry in words.phrases.find(plain))


def _passage(text: str, cut: _Cut, end: int, *, final: bool) -> list[Passage]:
    start = cut.end
    if cut.read:
        return [Passage(start, end, True, tags=cut.tags, region=cut.region, headed=cut.lasting)]
    # The heading's own line may be empty, so what ends the section is looked for after its words.
    begin = start
    while begin < end and text[begin].isspace():
        begin += 1
    stop = _PARAGRAPH.search(text, begin, end)
    if stop is None and final:
        stop = _FIRST_SENTENCE.search(text, begin, end)
    if stop is None:
        return [Passage(start, end, read=False, comparison=cut.comparison)]
    return [
        Passage(start, stop.start(), read=False, comparison=cut.comparison),
        Passage(stop.start(), end, read=True, region=cut.region, headed=cut.lasting),
    ]


def _title_region(text: str, lowered: str, words: Lexicon) -> Region | None:
    """Return the region that a title in the first line names: "CT head without contrast"."""
    end = text.find("\n")
    if end < 0 or end > 80 or not _TITLE.search(text, 0, end):
        return None
    return _one_region(lowered[:end], words)


def _exam_region(text: str, lowered: str, cuts: list[_Cut], words: Lexicon) -> Region | None:
    """Return the region that the section on the examination names."""
    starts = [cut.start for cut in cuts[1:]] + [len(text)]
    for cut, end in zip(cuts, starts, strict=False):
        if cut.examination:
            return _one_region(lowered[cut.end : min(end, cut.end + 120)], words)
    return None


def _one_region(lowered: str, words: Lexicon) -> Region | None:
    plain = [words.plain.get(word, word) for word in words.split(lowered)]
    found = {
        words.regions[tag]
        for first, last, entry in words.phrases.find(plain)
        for tag in entry.tags
        if tag in words.regions and plain[first:last] != FRONTAL
    }
    if found == {Region.ABDOMEN, Region.PELVIS}:
        return Region.ABDOMEN
    return found.pop() if len(found) == 1 else None
