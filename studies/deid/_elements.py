"""Single values of an untrusted data set, as text or raw bytes; nothing here raises for a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from radraft.studies import _text
from radraft.studies._refused import PARSE_ERRORS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Charsets = tuple[str, ...]
_LONGEST = 1 << 20
_SINGLE = frozenset({"LT", "ST", "UT", "UR"})
"""VRs in which a backslash separates nothing."""


def charsets(dataset: Dataset, outer: Charsets) -> Charsets:
    """Specific Character Set of a data set or an item, else that around it."""
    if 0x00080005 not in dataset:
        return outer
    value = raw(dataset, 0x00080005)
    if value is not None:
        return tuple(part.strip(" \0") for part in value.decode("ascii", "replace").split("\\"))
    declared = dataset.get_item(0x00080005).value
    return (declared,) if isinstance(declared, str) else tuple(map(str, declared or ()))


def raw(dataset: Dataset, tag: int) -> bytes | None:
    """Return the bytes of a value as they stand in the file; None where they cannot be had."""
    try:
        value = dataset.get_item(tag).value
    except PARSE_ERRORS:
        return None
    return value if isinstance(value, bytes) and len(value) <= _LONGEST else None


def texts(dataset: Dataset, tag: int, vr: str, declared: Charsets) -> list[str]:
    """Return the values of a text; empty where there are none or where they cannot be read."""
    value = raw(dataset, tag)
    if value is None:
        return _parsed(dataset, tag)
    text, _ = _text.decode(value, declared)
    parts = [text] if vr in _SINGLE else text.split("\\")
    return [part.strip() for part in parts if part.strip()]


def _parsed(dataset: Dataset, tag: int) -> list[str]:
    """pydicom converts some elements while it reads."""
    try:
        value = dataset.get_item(tag).value
    except PARSE_ERRORS:
        return []
    if value is None or isinstance(value, bytes):
        return []
    several = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    return [str(value).strip() for value in several if str(value).strip()]


def value(dataset: Dataset, tag: int) -> Any:
    """Return the value as pydicom understands it; None where it cannot."""
    try:
        return dataset[tag].value
    except (RecursionError, *PARSE_ERRORS):
        return None


def items(dataset: Dataset, tag: int) -> list[Dataset] | None:
    """Items of a sequence; None where it is none."""
    from pydicom.sequence import Sequence

    found = value(dataset, tag)
    return list(found) if isinstance(found, Sequence) else None


def everywhere(dataset: Dataset, outer: Charsets = ()) -> Iterator[tuple[Dataset, int, Charsets]]:
    """Yield every public element of a data set and of the items in it, with its character sets."""
    declared = charsets(dataset, outer)
    for tag in sorted(dataset.keys()):
        if tag.is_private:
            continue
        yield dataset, int(tag), declared
        if described(dataset, int(tag))[0] == "SQ":
            for item in items(dataset, int(tag)) or ():
                yield from everywhere(item, declared)


def described(dataset: Dataset, tag: int) -> tuple[str, str]:
    """VR and keyword after PS3.6; of several VRs that of the file. Empty where not known."""
    from pydicom.datadict import dictionary_VR, keyword_for_tag

    try:
        vr = str(dictionary_VR(tag))
    except KeyError:
        return "", ""
    several = vr.split(" or ")
    if len(several) > 1:
        try:
            in_file = str(dataset.get_item(tag, keep_deferred=True).VR)
        except PARSE_ERRORS:
            in_file = ""
        vr = in_file if in_file in several else several[0]
    return vr, keyword_for_tag(tag)


def is_ambiguous(tag: int) -> bool:
    """Return whether Pixel Representation decides between US and SS (PS3.5 A.1)."""
    from pydicom.datadict import dictionary_VR

    return str(dictionary_VR(tag)).startswith("US or SS")
