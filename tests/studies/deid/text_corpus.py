"""Clinical text with identity planted in it, made from a seed, and what a scrubber leaves of it.

Two halves share nothing but the kinds: sentences, names, places and domains to tune on, and others
that are held out (`held=True`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from radraft.studies.values import Patient, Study
from tests.studies.deid import text_names, text_templates, text_templates_held
from tests.studies.deid.text_values import NUMBERS, digits, words

_SLOT = re.compile(r"\{(\w+)\}")
_GAP = "\x00"
NOBODY = Study("", "", Patient("", "", None, ""), "", "", None, "", "", None, ())
KIND = {
    "name_label": "name zh, labelled", "name_title": "name zh, with title",
    "name_cue": "name zh, bare, beside a telling word", "name_free": "name zh, bare, no cue",
    "name_label_en": "name en, labelled", "name_title_en": "name en, with title",
    "name_cue_en": "name en, bare, beside a telling word", "name_free_en": "name en, bare, no cue",
    "pinyin": "name in pinyin, bare", "known_zh": "name in header, zh",
    "known_given": "name in header, zh",
    "known_pinyin": "name in header, pinyin", "known_en": "name in header, en",
    "id": "identity card", "ssn": "identity card", "passport": "passport", "phone": "phone",
    "phone_en": "phone", "record": "record number", "bed": "bed", "bed_en": "bed",
    "address_zh": "address zh", "address_en": "address en", "date": "date", "date_en": "date",
    "institution_zh": "institution", "institution_en": "institution", "email": "e-mail",
    "account": "account", "url": "web address", "plate": "licence plate",
    "insurance": "insurance number", "age": "age over 89",
}  # fmt: skip
"""Slot in a template -> the kind it is counted under."""
_GENERIC = frozenset(
    words(
        "医院 卫生 中心 服务 社区 附属 大学 学院 人民 生院 学医 学附 民医 区卫 区服 院附 "
        "Hospital Clinic "
        "Center Medical Street Road Avenue Ave St Rd Lane Drive Terrace Blvd District General "
        "Community Infirmary"
    )
)
"""Parts of an address or institution that say nothing when they are left."""


@dataclass(frozen=True)
class Identity:
    """One identity in a text."""

    kind: str
    value: str

    def parts(self) -> frozenset[str]:
        """Pieces of it, of which none may be left."""
        found = {self.value}
        for run in re.findall(r"[\u3400-\u9fff]+", self.value):
            found |= {run[start : start + 2] for start in range(len(run) - 1)}
        if self.kind in {"bed", "age over 89"}:
            return frozenset(re.findall(r"\d+", self.value) or [self.value])
        least = 1 if self.kind == "date" else 2
        found |= {run for run in re.findall(r"[^\W\d_]+|\d+", self.value) if len(run) >= least}
        return frozenset(found - _GENERIC)


@dataclass(frozen=True)
class Planted:
    """A text, whose it is (a header without identity where that knows nobody), what is in it."""

    text: str
    study: Study
    identities: tuple[Identity, ...]
    plain: str
    """The text with a NUL for each identity."""

    def left(self, scrubbed: str) -> tuple[Identity, ...]:
        """Identities of which something is left."""
        return tuple(identity for identity in self.identities if self._left(identity, scrubbed))

    def _left(self, one: Identity, scrubbed: str) -> bool:
        if any(scrubbed.count(part) > self.plain.count(part) for part in one.parts()):
            return True
        ends = (one.value[0] + "***", "***" + one.value[-1])
        beside = (one.value[0] + _GAP, _GAP + one.value[-1])
        if not re.fullmatch(r"[\u3400-\u9fff]{2,}", one.value) or "name" not in one.kind:
            return False
        return any(
            end in scrubbed and side not in self.plain
            for end, side in zip(ends, beside, strict=True)
        )

    def kept(self, scrubbed: str) -> tuple[int, int]:
        """Clinical words of the text around the identities: how many, and how many are left."""
        words = units(self.plain)
        rest = list(units(scrubbed))
        left = 0
        for word in words:
            if word in rest:
                rest.remove(word)
                left += 1
        return len(words), left


def units(text: str) -> tuple[str, ...]:
    """Chinese characters and Latin words or numbers: what is counted as clinical words."""
    return tuple(
        re.findall(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff][^\W_\u3400-\u9fff]*|\d+(?:\.\d+)?", text)
    )


def corpus(seed: int, count: int, *, held: bool) -> Iterator[Planted]:
    """`count` planted texts; sentences in turn, what is in them drawn by `seed`."""
    source = text_templates_held if held else text_templates
    lines = [*source.ZH.strip().splitlines(), *source.EN.strip().splitlines()]
    rng = random.Random(seed)
    order: list[str] = []
    for _ in range(count):
        if not order:
            order = rng.sample(lines, len(lines))
        yield _planted(order.pop(), rng, held)


def _planted(template: str, rng: random.Random, held: bool) -> Planted:
    filler = _Filler(rng, held)
    identities, text, plain, end = [], "", "", 0
    for found in _SLOT.finditer(template):
        before = template[end : found.start()]
        slot, end = found[1], found.end()
        value = str(rng.randint(20, 80)) if slot == "years" else filler.value(slot)
        if slot != "years":
            identities.append(Identity(KIND[slot], value))
        text += before + value
        plain += before + (value if slot == "years" else _GAP)
    study = filler.study if "{known" in template else NOBODY
    return Planted(text + template[end:], study, tuple(identities), plain + template[end:])


class _Filler:
    """Draws what goes into the slots of one text."""

    def __init__(self, rng: random.Random, held: bool) -> None:
        self.rng, self.held = rng, held
        self.han = self._han()
        self.west = f"{self._of('LAST')}^{self._of('FIRST')}"

    @property
    def study(self) -> Study:
        """The header of the patient that the `known` slots name."""
        family, given = self.han
        forms = (family + given, f"{family}^{given}")
        pinyin = "^".join(_spell(family, given)).title()
        name = self.rng.choice([f"{pinyin}={forms[1]}", forms[0], forms[1], f"{pinyin}={forms[0]}"])
        return Study(
            "1.2.3.5", "", Patient("", name, date(1950, 1, 1), ""), "", "", None, "", "", None, (),
            other_names=(self.west,),
        )  # fmt: skip

    def value(self, slot: str) -> str:
        """A value for the slot."""
        if slot in NUMBERS:
            return NUMBERS[slot](self.rng)
        own: dict[str, Callable[[], str]] = {
            "known_zh": lambda: self.rng.choice(["{0}{1}", "{0}{1}", "{0} {1}"]).format(*self.han),
            "known_given": lambda: self.han[1] if len(self.han[1]) > 1 else "".join(self.han),
            "known_pinyin": lambda: self._roman(*self.han),
            "known_en": lambda: self._western(*self.west.split("^")[::-1]),
            "pinyin": lambda: self._roman(*self._han()),
            "address_zh": self._address,
            "address_en": self._address_en,
            "institution_zh": lambda: self._of("HOSPITALS"),
            "institution_en": lambda: self._of("HOSPITALS_EN"),
            "email": lambda: (
                f"{''.join(_spell(*self._han()))}{digits(self.rng, 2)}@{self._of('DOMAINS')}"
            ),
            "url": lambda: f"https://pacs.{self._of('DOMAINS')}/view?id={digits(self.rng, 6)}",
        }
        if slot in own:
            return own[slot]()
        if slot.endswith("_en"):
            first, last = self._of("FIRST"), self._of("LAST")
            short = slot == "name_title_en" and self.rng.random() < 0.5
            return last if short else self._western(first, last)
        family, given = self._han()
        return family if slot == "name_title" and self.rng.random() < 0.4 else family + given

    def _of(self, list_name: str) -> str:
        options = getattr(text_names, list_name + ("_HELD" if self.held else ""))
        return str(self.rng.choice(options))

    def _han(self) -> tuple[str, str]:
        drawn = self.rng.random()
        kind = "COMPOUND" if drawn < 0.05 else "RARE" if drawn < 0.1 else "SURNAMES"
        family, given = self._of(kind), self._of("GIVEN")
        if self.rng.random() < 0.08:
            return _traditional(family), _traditional(given)
        return family, given

    def _western(self, first: str, last: str) -> str:
        forms = ["{0} {1}"] * 4 + ["{0} Q. {1}", "{2} {3}"]
        return self.rng.choice(forms).format(first, last, first.upper(), last.upper())

    def _roman(self, family: str, given: str) -> str:
        one, two = (part.title() for part in _spell(family, given))
        forms = ["{0} {1}", "{1} {0}", "{2} {3}", "{0}^{1}", "{2}^{3}", "{0}, {1}"]
        return self.rng.choice(forms).format(one, two, one.upper(), two.upper())

    def _address(self) -> str:
        city, rng = self._of("CITIES"), self.rng
        road = f"{self._of('ROADS')}{rng.randint(2, 999)}号"
        estate = f"{self._of('ESTATES')}{rng.randint(1, 30)}号楼"
        estate += f"{rng.randint(1, 4)}单元{rng.randint(101, 2405)}室"
        village = f"{self._of('TOWNS')}{self._of('VILLAGES')}{rng.randint(1, 12)}组"
        return rng.choice(
            [city, city + road, city + estate, city + village, road + estate, city + road + estate]
        )

    def _address_en(self) -> str:
        rng = self.rng
        flat = rng.choice(["", "", f", Apt {rng.randint(1, 40)}B"])
        return f"{rng.randint(2, 2999)} {self._of('STREETS')}{flat}, {self._of('TOWNS_EN')}"


def _spell(family: str, given: str) -> tuple[str, str]:
    """Surname and given name in pinyin."""
    from radraft.studies._names import parse

    surname, syllables = parse(f"{family}^{given}").readings[0]
    return surname, "".join(syllables)


@cache
def _converter() -> Callable[[str], str]:
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC("s2t").convert
    return convert


def _traditional(text: str) -> str:
    return _converter()(text)


__all__ = ["KIND", "NOBODY", "Identity", "Planted", "corpus", "units"]
