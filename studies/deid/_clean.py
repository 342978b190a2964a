"""Makes a clean data set from an untrusted one: nothing is copied that was not understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from radraft.studies import _sop
from radraft.studies._refused import PARSE_ERRORS
from radraft.studies.deid import _coded, _elements, _values
from radraft.studies.deid._elements import Charsets
from radraft.studies.deid.profile import Action, Profile
from radraft.studies.deid.report import Done, Kind
from radraft.studies.deid.words import Identity, is_technical, words

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_FORMATS = {
    "US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "UV": "u8", "SV": "i8", "FL": "f4", "FD": "f8",
    "AT": "u2",
}  # fmt: skip
_MOST_BYTES = 4096
"""Longest list of binary numbers outside the named tables: letters are numbers as well."""
_TEXTS = frozenset({"AE", "LO", "SH", "ST", "LT", "UC", "UT"})
_LONG = 6
"""Characters from which a known number is looked for in numbers too."""


@dataclass
class Cleaner:
    """Cleans the data sets of one file. `counts` says what was done, never with a value."""

    profile: Profile
    uids: Mapping[str, str]
    patient: str
    back: timedelta
    identity: Identity
    little: bool
    signed: bool
    counts: Counter[tuple[Kind, int, Done]] = field(default_factory=Counter)

    def clean(self, old: Dataset, outer: Charsets = (), kind: Kind = Kind.TAG) -> Dataset:
        """Return a new data set with what may stay of `old`."""
        from pydicom.dataset import Dataset as New

        new = New()
        declared = _elements.charsets(old, outer)
        for tag in sorted(old.keys()):
            number = int(tag)
            if tag.element == 0 or tag.group in {0, 2} or number in _PIXELS or number == 0x00080005:
                continue
            if tag.is_private:
                self.counts[Kind.PRIVATE, number, Done.REMOVED] += 1
                continue
            self._element(old, new, number, declared, kind)
        if any(tag in old for tag in _coded.TAGS):
            entry = _coded.entry(old, declared, self.identity, self.profile)
            for number, (vr, text) in entry.items():
                new.add_new(number, vr, text)
        return new

    def _element(
        self, old: Dataset, new: Dataset, tag: int, declared: Charsets, kind: Kind
    ) -> None:
        vr, keyword = _elements.described(old, tag)
        action = self.profile.action(tag, vr, keyword)
        if action is Action.CODED:
            return
        if action is Action.SEQUENCE:
            self._sequence(old, new, tag, declared, kind)
            return
        old_texts = [] if vr in _FORMATS or vr == "SQ" else _elements.texts(old, tag, vr, declared)
        done, value = self._value(action, old, tag, vr, keyword, old_texts)
        if done is not None:
            self.counts[self._kind(tag, kind), tag, done] += 1
        if done is Done.REMOVED:
            return
        try:
            new.add_new(tag, "OW" if action is Action.BINARY else vr, value)
        except PARSE_ERRORS:
            self.counts[self._kind(tag, kind), tag, Done.REMOVED] += 1

    def _kind(self, tag: int, kind: Kind) -> Kind:
        return Kind.OVERLAY if tag >> 24 in {0x50, 0x60} else kind

    def _sequence(
        self, old: Dataset, new: Dataset, tag: int, declared: Charsets, kind: Kind
    ) -> None:
        items = _elements.items(old, tag)
        if items is None:
            self.counts[kind, tag, Done.REMOVED] += 1
            return
        inner = Kind.STRUCTURED if tag == 0x0040A730 or kind is Kind.STRUCTURED else Kind.NESTED
        new.add_new(tag, "SQ", [self.clean(item, declared, inner) for item in items])

    def _value(
        self, action: Action, old: Dataset, tag: int, vr: str, keyword: str, texts: list[str]
    ) -> tuple[Done | None, Any]:
        """Return what was done to a value (None: it was kept) and the new one."""
        if action is Action.REMOVE:
            return Done.REMOVED, None
        if action is Action.EMPTY:
            return (Done.EMPTIED if texts or vr == "SQ" else None), [] if vr == "SQ" else ""
        if action is Action.DUMMY:
            return Done.REPLACED, self._dummy(vr, keyword)
        if action is Action.NUMBER:
            numbers = self._numbers(old, tag, vr)
            return (Done.REMOVED, None) if numbers is None else (None, numbers)
        if action is Action.BINARY:
            content = _elements.raw(old, tag)
            if content is None:
                return Done.REMOVED, None
            return None, content if self.little else _swapped(content)
        if not texts:
            return None, ""
        return self._text(action, keyword, texts)

    def _text(self, action: Action, keyword: str, texts: list[str]) -> tuple[Done | None, Any]:
        if action is Action.UID:
            fresh = [self.uids.get(uid, uid) for uid in texts]
            return (None if fresh == texts else Done.REPLACED), fresh
        if action is Action.SHIFT:
            days = _values.shifted(texts, self.back)
            return (Done.REMOVED, None) if days is None else (Done.SHIFTED, days)
        if action is Action.CONTENT:
            whole = all(words(text)[1] for text in texts)
            return (None, texts) if whole else (Done.REPLACED, "removed")
        if action is Action.WORDS:
            cleaned = [words(text)[0] for text in texts]
            return (None if cleaned == texts else Done.CLEANED), cleaned
        kept = self._kept(action, keyword, texts)
        if kept is None and action is Action.MAKER:
            return Done.EMPTIED, ""
        return (Done.REMOVED, None) if kept is None else (None, kept)

    def _kept(self, action: Action, keyword: str, texts: list[str]) -> list[str] | None:
        checks: dict[Action, Callable[[Sequence[str]], list[str] | None]] = {
            Action.TIME: _values.times, Action.AGE: _values.age, Action.DECIMAL: _values.decimals,
            Action.CODE: _values.codes,
        }  # fmt: skip
        if keyword == "BodyPartExamined":
            return [part] if (part := _sop.body_part(texts[0], "")) else None
        if action is Action.MAKER:
            return texts if texts[0].upper() in self.profile.lists.makers else None
        if action is Action.TECHNIQUE:
            return texts if all(is_technical(text, self.identity) for text in texts) else None
        kept = checks[action](texts)
        if kept is None or self._names_somebody(action, kept):
            return None
        return kept

    def _names_somebody(self, action: Action, texts: Sequence[str]) -> bool:
        if action is Action.CODE:
            return any(self.identity.is_in(text) for text in texts)
        if action is Action.DECIMAL:
            return any(len(text) >= _LONG and self.identity.is_in(text) for text in texts)
        return False

    def _dummy(self, vr: str, keyword: str) -> Any:
        if keyword in {"PatientName", "PatientID"}:
            return self.patient
        if vr == "SQ":
            return []
        if vr in {"OB", "UN"}:
            return b""
        return "removed" if vr in _TEXTS else "Removed" if vr == "PN" else ""

    def _numbers(self, old: Dataset, tag: int, vr: str) -> Any:
        content = _elements.raw(old, tag)
        if content is None:
            found = _elements.value(old, tag)
            return found if isinstance(found, int | float) else None
        if vr == "US" and self.signed and _elements.is_ambiguous(tag):
            vr = "SS"
        kind = np.dtype(("<" if self.little else ">") + _FORMATS[vr])
        if len(content) > _MOST_BYTES or len(content) % kind.itemsize:
            return None
        numbers = np.frombuffer(content, kind).tolist()
        if vr == "AT":
            numbers = [a << 16 | b for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
        return numbers if len(numbers) != 1 else numbers[0]


def _swapped(content: bytes) -> bytes:
    return np.frombuffer(content[: len(content) // 2 * 2], ">u2").astype("<u2").tobytes()
