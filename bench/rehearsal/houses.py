"""House styles: how a site words its reports, from real sentences and the site's habits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from radraft.bench.rehearsal.mine import SIDED, Found, filled
from radraft.bench.rehearsal.values import Group, Said, Statement, Text, Truth, Wording, Words
from radraft.core.yaml_files import Strict
from radraft.finetune.starter.compose import MOST_FINDINGS, MOST_NAMES, NO_FINDING, bank
from radraft.finetune.starter.teacher import NORMAL_ABSENT
from radraft.finetune.starter.values import Seen
from radraft.reports.values import Certainty, Lang, Laterality

FREQUENT = 8
"""So many of the most frequent sentences are a house's choice."""
LEAST = 2
"""A sentence that stands in the reports once is no habit."""
PRESENT, ABSENT = Certainty.PRESENT, Certainty.ABSENT
OPACITY, PNEUMONIA = "lung_opacity", "pneumonia"


class Both(Strict):
    """A frame in both languages."""

    zh: str
    en: str


class Concluding(Strict):
    """The impression."""

    item: Both
    between: Both
    last: Both
    present: Both
    absent: Both
    closing: Both | None = None
    """A second sentence where something is present; it states no finding."""


class Habits(Strict):
    """One entry of `houses.yaml`."""

    english: Literal["original", "prose"]
    longest: bool
    joined: bool
    order: Literal["importance", "reading"]
    child: tuple[str, ...]
    present: Both
    sided: Both
    absent: Both
    concluding: Concluding


class _File(Strict):
    terse: Habits
    narrative: Habits


@dataclass(frozen=True)
class House:
    """One site's wording: one preferred sentence for each thing it states."""

    name: str
    habits: Habits
    present: Mapping[str, Wording]
    """By code; `no_finding` too."""
    absent: Mapping[frozenset[str], Wording]
    """By the codes that a sentence denies together."""

    @property
    def mined(self) -> int:
        """Sentences of real reports among its own, in either language."""
        return sum(phrase.zh.mined + phrase.en.mined for phrase in self._all)

    @property
    def sentences(self) -> int:
        """Of both languages."""
        return 2 * len(self._all)

    @property
    def _all(self) -> tuple[Wording, ...]:
        return (*self.present.values(), *self.absent.values())

    def text(self, truth: Truth) -> Text:
        """The house's report: the present findings, or what the set knows to be absent."""
        if truth.present:
            return Text(self._findings(truth), self._conclusion(truth))
        if truth.group is Group.CHILD:
            denied = self._denials([*self.habits.child])
            return Text(denied, (self._names([PNEUMONIA], ABSENT),))
        denied = self._denials([*NORMAL_ABSENT])
        whole = self.present[NO_FINDING]
        normal = Statement(whole.zh.plain, whole.en.plain, frozenset({(NO_FINDING, PRESENT)}))
        return Text(denied, (normal,))

    def _findings(self, truth: Truth) -> tuple[Statement, ...]:
        codes = truth.present
        if truth.group is Group.CHILD:
            codes = frozenset(self.habits.child)
        kept = sorted(codes, key=bank().importance.index)[:MOST_FINDINGS]
        return tuple(self._present(code, truth.sides.get(code)) for code in self._ordered(kept))

    def _present(self, code: str, side: Laterality | None) -> Statement:
        words = self.present[code]
        zh, en = _sided(words.zh, "zh", side), _sided(words.en, "en", side)
        return Statement(zh, en, frozenset({(code, PRESENT)}))

    def _denials(self, codes: Sequence[str]) -> tuple[Statement, ...]:
        left = set(codes)
        found: list[frozenset[str]] = []
        for group in sorted(self.absent, key=lambda one: (-len(one), sorted(one))):
            if group <= left:
                found.append(group)
                left -= group
        order = self._ordered(codes)
        found.sort(key=lambda group: min(map(order.index, group)))
        return tuple(
            Statement(
                self.absent[group].zh.plain,
                self.absent[group].en.plain,
                frozenset((code, ABSENT) for code in group),
            )
            for group in found
        )

    def _conclusion(self, truth: Truth) -> tuple[Statement, ...]:
        codes = frozenset({PNEUMONIA}) if truth.group is Group.CHILD else truth.present
        named = self._names(sorted(codes, key=bank().importance.index)[:MOST_NAMES], PRESENT)
        closing = self.habits.concluding.closing
        if closing is None:
            return (named,)
        return (named, Statement(closing.zh, closing.en, frozenset()))

    def _names(self, codes: Sequence[str], certainty: Certainty) -> Statement:
        how = self.habits.concluding
        frame = how.present if certainty is PRESENT else how.absent
        names = [bank().findings[code].name for code in codes]
        numbered = how.item if certainty is PRESENT else Both(zh="{name}", en="{name}")
        zh = _listed([name.zh for name in names], numbered.zh, how, "zh")
        en = _listed([listed.en for listed in names], numbered.en, how, "en")
        said = frozenset((code, certainty) for code in codes)
        return Statement(frame.zh.format(names=zh), frame.en.format(names=en), said)

    def _ordered(self, codes: Iterable[str]) -> list[str]:
        by_reading = [*bank().findings]
        order = bank().importance if self.habits.order == "importance" else by_reading
        return sorted(codes, key=order.index)


def build(found: Found) -> dict[str, House]:
    """Both houses by name, in the order of `houses.yaml`."""
    habits = load_habits()
    return {name: _house(name, habits[name], found) for name in habits}


def load_habits() -> dict[str, Habits]:
    """The entries of `houses.yaml`."""
    text = files("radraft.bench.rehearsal").joinpath("houses.yaml").read_text(encoding="utf-8")
    content = _File.from_yaml(text)
    return {"terse": content.terse, "narrative": content.narrative}


def _house(name: str, habits: Habits, found: Found) -> House:
    english = found.original_en if habits.english == "original" else found.prose_en
    sources: tuple[tuple[Lang, Mapping[Said, Counter[str]]], ...] = (
        ("zh", found.zh),
        ("en", english),
    )

    def worded(said: Said, sided: bool, else_: Mapping[Lang, Words]) -> Wording:
        zh, en = (
            _pick(source.get(said, Counter()), lang, sided, habits.longest) or else_[lang]
            for lang, source in sources
        )
        return Wording(zh, en)

    present = {
        code: worded(frozenset({(code, PRESENT)}), code in SIDED, _framed(code, habits, PRESENT))
        for code in bank().findings
    }
    normal = bank().no_finding[Seen.STATED][0]
    ours: dict[Lang, Words] = {"zh": Words(normal.zh), "en": Words(normal.en)}
    present[NO_FINDING] = worded(frozenset({(NO_FINDING, PRESENT)}), False, ours)
    denied = dict.fromkeys([*NORMAL_ABSENT, OPACITY])
    absent = {
        frozenset({code}): worded(frozenset({(code, ABSENT)}), False, _framed(code, habits, ABSENT))
        for code in denied
    }
    if habits.joined:
        absent |= dict(_joined(found.zh, english, habits))
    return House(name, habits, present, absent)


def _joined(
    chinese: Mapping[Said, Counter[str]], english: Mapping[Said, Counter[str]], habits: Habits
) -> Iterator[tuple[frozenset[str], Wording]]:
    """Real sentences that deny several of what a normal adult film lacks."""
    for said in sorted(chinese.keys() & english.keys(), key=sorted):
        codes = frozenset(code for code, _ in said)
        if said != {(code, ABSENT) for code in codes} or not len(codes) > 1:
            continue
        zh = _pick(chinese[said], "zh", False, habits.longest)
        en = _pick(english[said], "en", False, habits.longest)
        if zh is not None and en is not None and codes <= set(NORMAL_ABSENT):
            yield codes, Wording(zh, en)


def _pick(counted: Counter[str], lang: Lang, sided: bool, longest: bool) -> Words | None:
    """The house's sentence among the frequent ones; those alike in length by the alphabet."""
    usable = {text: n for text, n in counted.items() if ("{side}" in text) is sided and n >= LEAST}
    often = sorted(usable, key=lambda text: (-usable[text], text))[:FREQUENT]
    if not often:
        return None
    chosen = min(often, key=lambda text: (-len(text) if longest else len(text), text))
    return Words(filled(chosen, lang, None), chosen if sided else "", mined=True)


def _framed(code: str, habits: Habits, certainty: Certainty) -> dict[Lang, Words]:
    """The house's own frames around the name that the starter's bank has for the finding."""
    name = bank().findings[code].name

    def named(frame: Both) -> tuple[str, str]:
        en = frame.en.replace("{name}", name.en)
        return frame.zh.replace("{name}", name.zh), en[:1].upper() + en[1:]

    zh, en = named(habits.present if certainty is PRESENT else habits.absent)
    lies_on_a_side = certainty is PRESENT and code in SIDED
    zh_sided, en_sided = named(habits.sided) if lies_on_a_side else ("", "")
    return {"zh": Words(zh, zh_sided), "en": Words(en, en_sided)}


def _sided(words: Words, lang: Lang, side: Laterality | None) -> str:
    if side is None or not words.sided:
        return words.plain
    return filled(words.sided, lang, side)


def _listed(names: Sequence[str], item: str, how: Concluding, lang: Lang) -> str:
    items = [item.format(number=number, name=name) for number, name in enumerate(names, 1)]
    between, last = getattr(how.between, lang), getattr(how.last, lang)
    return str(last).join([str(between).join(items[:-1]), items[-1]] if items[1:] else items)
