"""Sentences made of what they state: findings in, a Chinese or English sentence out.

The words are data (`composing.yaml`). Of the ways to say a finding the first is taken that the
finding reader reads as exactly that finding, and what is made of several findings is read once more
as a whole: a sentence that would be read otherwise is not made. So a composed sentence never states
another finding, side, size or certainty than it was made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import groupby, product

from pydantic import Field

from radraft.core.yaml_files import Strict
from radraft.reports.findings._places import places_of
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Change, Mention
from radraft.reports.findings.vocabulary import Kind, Region, vocabulary
from radraft.reports.values import Certainty, Lang, Laterality

_NORMAL = "no_finding"
_REMEMBERED = 20_000
_STOP: dict[Lang, str] = {"en": ".", "zh": "。"}
_BETWEEN: dict[Lang, str] = {"en": " ", "zh": ""}


def compose(mentions: Sequence[Mention], lang: Lang, region: Region | None = None) -> str | None:
    """Return the text in `lang` that states exactly `mentions`, in their order; None where the
    vocabulary has no words that read back as them.

    Findings of one certainty that stand next to each other are joined. `region` is the
    examination's body part, as in `extract`; spans of `mentions` count for nothing. What they state
    is code, certainty, side, sizes, percentage, volume and change, and a place that says more than
    the finding's own organ.
    """
    if not mentions:
        return None
    plain = dict.fromkeys(replace(mention, start=0, end=0) for mention in mentions)
    return _composed(tuple(plain), lang, region)


def states_exactly(
    text: str, lang: Lang, mentions: Iterable[Mention], region: Region | None = None
) -> bool:
    """Return whether the finding reader reads `text` as `mentions` and nothing else, in any order;
    what is said twice is one statement."""
    return set(map(_stated, extract(text, lang, region))) == set(map(_stated, mentions))


@lru_cache(maxsize=_REMEMBERED)
def _composed(mentions: tuple[Mention, ...], lang: Lang, region: Region | None) -> str | None:
    sentences: list[str] = []
    for _, members in groupby(mentions, key=_group):
        group = tuple(members)
        text = _group_text(group, lang, region)
        if text is None:
            return None
        sentences.append(text)
    text = _BETWEEN[lang].join(sentences)
    return text if len(sentences) == 1 or states_exactly(text, lang, mentions, region) else None


def _group(mention: Mention) -> tuple[str, Certainty, bool]:
    """Return what findings of one sentence have in common."""
    kind = Kind.NORMAL.value if mention.code == _NORMAL else ""
    return kind, mention.polarity, mention.change is Change.RESOLVED


def _group_text(mentions: tuple[Mention, ...], lang: Lang, region: Region | None) -> str | None:
    """Return one sentence that states findings of one certainty, or as many as there are findings
    where they cannot be joined."""
    singles = [_sentence(mention, lang, region) for mention in mentions]
    if any(single is None for single in singles):
        return None
    texts = [single for single in singles if single is not None]
    if len(texts) == 1:
        return texts[0]
    for text in _joined(mentions, texts, lang):
        if states_exactly(text, lang, mentions, region):
            return text
    return None


def _joined(mentions: tuple[Mention, ...], texts: list[str], lang: Lang) -> Iterator[str]:
    """Yield the ways to say several findings together, the most natural first."""
    words = _words().languages[lang]
    stop = _STOP[lang]
    bare = not any(_has_tail(mention) for mention in mentions)
    absent = mentions[0].polarity is Certainty.ABSENT
    if bare and absent and not any(mention.laterality or _place(mention) for mention in mentions):
        names = [_names(mention, lang)[0] for mention in mentions]
        listed = words.joined["or"].of(names)
        for pattern in words.absent["finding"]:
            yield _sentence_case(pattern.format(thing=listed, name=listed, place="")) + stop
    phrases = [text.removesuffix(stop) for text in texts]
    if lang == "en":
        phrases = [phrases[0], *(_inner_case(phrase) for phrase in phrases[1:])]
    if bare and not absent:
        yield words.joined["and"].of(phrases) + stop
    yield words.joined["apart"].of(phrases) + stop
    yield _BETWEEN[lang].join(texts)


@lru_cache(maxsize=_REMEMBERED)
def _sentence(mention: Mention, lang: Lang, region: Region | None) -> str | None:
    """Return the sentence that states one finding; None where none reads back as it."""
    for text in _candidates(mention, lang, region):
        if states_exactly(text, lang, (mention,), region):
            return text
    return None


def _candidates(mention: Mention, lang: Lang, region: Region | None) -> Iterator[str]:
    """Yield the ways to state one finding, the most natural first."""
    words = _words().languages[lang]
    if mention.code == _NORMAL:
        yield from words.normal.get(region or Region.OTHER, ())
        return
    if mention.code in words.unsaid.split():
        return
    for name, where in product(_names(mention, lang), _wheres(mention, lang)):
        said = {"name": name, "place": where, "thing": _thing(name, where, lang)}
        for pattern in _patterns(mention, words):
            for text in _with_tails(pattern.format(**said), mention, words):
                yield _sentence_case(text) + _STOP[lang]


def _patterns(mention: Mention, words: _LanguageWords) -> tuple[str, ...]:
    """Return the ways to say a finding of one certainty."""
    if mention.change is Change.RESOLVED:
        return words.resolved
    by_certainty = {
        Certainty.PRESENT: words.present,
        Certainty.ABSENT: words.absent,
        Certainty.UNCERTAIN: words.uncertain,
    }
    is_device = vocabulary()[mention.code].kind is Kind.DEVICE
    return by_certainty[mention.polarity]["device" if is_device else "finding"]


def _with_tails(head: str, mention: Mention, words: _LanguageWords) -> Iterator[str]:
    """Yield a finding's words with its measures and its change."""
    texts = [head]
    measures = words.measures
    if mention.size_mm:
        size = words.times.join(f"{_number(size)}{words.unit}" for size in mention.size_mm)
        texts = [each.format(thing=text, size=size) for text in texts for each in measures["size"]]
    if mention.percent is not None:
        percent = f"{_number(mention.percent)}%"
        ways = measures["percent"]
        texts = [each.format(thing=text, percent=percent) for text in texts for each in ways]
    if mention.volume_ml is not None:
        volume = f"{_number(mention.volume_ml)} ml"
        ways = measures["volume"]
        texts = [each.format(thing=text, volume=volume) for text in texts for each in ways]
    if mention.change is not None and mention.change is not Change.RESOLVED:
        ways = _ways_of_change(mention.code, mention.change, words)
        texts = [each.format(thing=text) for text in texts for each in ways]
    yield from texts


def _ways_of_change(code: str, change: Change, words: _LanguageWords) -> tuple[str, ...]:
    """Return the ways to say a change: of amount, of an illness, or of size."""
    if code in _words().amounts.split():
        special = words.change_of_amount.get(change, ())
    elif code in _words().illnesses.split():
        special = words.change_of_illness.get(change, ())
    else:
        special = ()
    return special + words.change[change]


def _thing(name: str, where: str, lang: Lang) -> str:
    """Return a finding with its side and place: "right pleural effusion", 右侧胸腔积液."""
    if lang == "zh":
        return where + name
    # The side of a finding stands before it, a place and the side of an organ after it.
    return name + where if where.startswith(" ") else f"{where} {name}".strip()


def _names(mention: Mention, lang: Lang) -> tuple[str, ...]:
    """Return the words of a finding beside its place, the most usual first."""
    words = _words().languages[lang]
    own = words.names.get(mention.code, _NameWords())
    if lang == "zh":
        placed = mention.laterality is not None or _place(mention) in words.organ_places.split()
        usual = own.bare if own.bare and own.organ and placed else own.name
    else:
        usual = own.name
    names = (usual or _display_name(mention.code, lang), own.also)
    many = mention.laterality is Laterality.BILATERAL and mention.polarity is not Certainty.ABSENT
    return tuple(_plural(name, words) if many else name for name in names if name)


def _display_name(code: str, lang: Lang) -> str:
    finding = vocabulary()[code]
    return finding.zh if lang == "zh" else _inner_case(finding.en)


def _plural(name: str, words: _LanguageWords) -> str:
    first, _, last = name.rpartition(" ")
    return f"{first} {words.plurals.get(last, last)}".strip()


def _wheres(mention: Mention, lang: Lang) -> tuple[str, ...]:
    """Return the words of a finding's side and place, the most usual first; empty where it has
    neither."""
    words = _words().languages[lang]
    side = mention.laterality
    place = _place(mention)
    if place is not None and (spoken := words.places.get(place)) is not None:
        if side is None and spoken.none:
            return (spoken.none,)
        pattern = words.at_place["none" if side is None else side.value]
        many = spoken.many or spoken.one
        return (pattern.format(at=spoken.at, place=spoken.one, places=many),)
    if side is None:
        return ("",)
    organ = words.names.get(mention.code, _NameWords()).organ
    usual = words.at_side[side].format(organ=organ) if organ else words.sides[side]
    if side is not Laterality.BILATERAL or mention.polarity is not Certainty.ABSENT:
        return (usual,)
    neither = words.at_neither.format(organ=organ) if organ else words.neither
    return (neither, usual) if neither else (usual,)


def _place(mention: Mention) -> str | None:
    """Return the place of a finding that says more than its own organ."""
    return mention.anatomy if mention.anatomy in places_of(mention.code) else None


def _has_tail(mention: Mention) -> bool:
    return bool(
        mention.size_mm
        or mention.percent is not None
        or mention.volume_ml is not None
        or mention.change is not None
    )


def _stated(mention: Mention) -> tuple[object, ...]:
    """Return what a mention states, without where it stands and the finding's own organ."""
    return (
        mention.code,
        mention.polarity,
        mention.laterality,
        _place(mention),
        mention.change,
        tuple(round(size, 3) for size in mention.size_mm),
        mention.percent,
        mention.volume_ml,
    )


def _number(value: float) -> str:
    """Return a number as it is written: no exponent, no trailing zeros."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _inner_case(text: str) -> str:
    """Return words as they stand within a sentence: abbreviations and names keep their capital."""
    first = text.split(" ", 1)[0]
    kept = first != first.capitalize() or first in _words().capital.split()
    return text if kept else text[:1].lower() + text[1:]


class _NameWords(Strict):
    name: str = ""
    """Empty: the display name."""
    bare: str = ""
    """The words after a side or place of the organ; empty: the same."""
    also: str = ""
    """Other words, where the first do not read back as the finding; empty: none."""
    organ: str = ""
    """The organ whose side the finding's is; empty: the finding has the side itself."""


class _PlaceWords(Strict):
    at: str = ""
    one: str
    many: str = ""
    none: str = ""
    """Without a side; empty: the same."""


class _JoinWords(Strict):
    between: str
    last: str

    def of(self, phrases: Sequence[str]) -> str:
        """Return phrases joined as one."""
        if len(phrases) == 1:
            return phrases[0]
        return self.between.join(phrases[:-1]) + self.last + phrases[-1]


class _LanguageWords(Strict):
    present: dict[str, tuple[str, ...]]
    absent: dict[str, tuple[str, ...]]
    uncertain: dict[str, tuple[str, ...]]
    resolved: tuple[str, ...]
    change: dict[Change, tuple[str, ...]]
    change_of_amount: dict[Change, tuple[str, ...]]
    change_of_illness: dict[Change, tuple[str, ...]]
    unit: str
    times: str
    measures: dict[str, tuple[str, ...]]
    joined: dict[str, _JoinWords]
    sides: dict[Laterality, str]
    at_side: dict[Laterality, str]
    at_place: dict[str, str]
    at_neither: str = ""
    neither: str = ""
    places: dict[str, _PlaceWords]
    organ_places: str = ""
    unsaid: str
    plurals: dict[str, str] = Field(default_factory=dict)
    names: dict[str, _NameWords]
    normal: dict[Region, tuple[str, ...]]


class _Words(Strict):
    amounts: str
    illnesses: str
    capital: str
    languages: dict[Lang, _LanguageWords]


@cache
def _words() -> _Words:
    path = files("radraft.reports").joinpath("composing.yaml")
    return _Words.from_yaml(path.read_text(encoding="utf-8"))
