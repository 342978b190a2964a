"""A structured report as dcmtk's dsr2xml reads it: an independent reader's word on what it says."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Coded:
    """One coded finding with what is said of it."""

    code: str
    certainty: str
    side: str = ""
    site: str = ""
    change: str = ""
    numbers: tuple[tuple[str, float, str], ...] = ()
    """Name's code, value and unit."""
    sentence: str = ""


@dataclass
class ReadReport:
    """What a structured report says."""

    patient_id: str = ""
    patient_name: str = ""
    """The parts of the alphabetic group."""
    accession: str = ""
    study_uid: str = ""
    preliminary: str = ""
    completion: str = ""
    verification: str = ""
    verified_by: str = ""
    verified_at: datetime | None = None
    organisation: str = ""
    predecessor: tuple[str, str] | None = None
    """UID and purpose."""
    language: str = ""
    title: str = ""
    observers: list[str] = field(default_factory=list)
    sections: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """Heading's code, language and texts, of sections with texts."""
    images: list[tuple[str, str]] = field(default_factory=list)
    """UID and frames."""
    earlier: list[tuple[str, str]] = field(default_factory=list)
    """Description and study."""
    coded: list[Coded] = field(default_factory=list)


def read(file: Path) -> ReadReport:
    """Return what dsr2xml reads. CalledProcessError where it refuses the file."""
    done = subprocess.run(["dsr2xml", file], capture_output=True, check=True, timeout=60)
    tree = ET.fromstring(done.stdout)
    found = ReadReport(
        patient_id=_text(tree, "patient/id"),
        patient_name="^".join(_parts(tree.find("patient/name"))),
        accession=_text(tree, "study/accession/number"),
        study_uid=_uid(tree.find("study")),
    )
    _read_status(found, tree)
    root = tree.find("document/content/container")
    assert root is not None
    found.title = _text(root, "concept/meaning")
    for item in root:
        _read_item(found, item)
    return found


def _read_status(found: ReadReport, tree: ET.Element) -> None:
    for name in ("preliminary", "completion", "verification"):
        element = tree.find(f"document/{name}")
        setattr(found, name, "" if element is None else element.get("flag", ""))
    observer = tree.find("document/verification/observer")
    if observer is not None:
        found.verified_by = "^".join(_parts(observer.find("name")))
        found.verified_at = datetime.fromisoformat(_text(observer, "datetime"))
        found.organisation = _text(observer, "organization")
    before = tree.find("document/predecessor/study/series/value")
    if before is not None:
        found.predecessor = (_uid(before.find("instance")), _text(before, "purpose/value"))


def _read_item(found: ReadReport, item: ET.Element) -> None:
    name = _text(item, "concept/value")
    if item.tag == "code" and name == "121049":
        found.language = _text(item, "value")
    elif item.tag == "pname":
        found.observers.append("^".join(_parts(item.find("value"))))
    elif item.tag == "container":
        _read_section(found, name, item)


def _read_section(found: ReadReport, heading: str, section: ET.Element) -> None:
    language = found.language
    texts: list[str] = []
    for item in section:
        relation = _text(item, "relationship")
        if relation == "HAS CONCEPT MOD":
            language = _text(item, "value")
        elif item.tag == "text" and heading == "55114-3":
            found.earlier.append((_text(item, "value"), _text(item, "uidref/value")))
        elif item.tag == "text":
            texts.append(_text(item, "value"))
        elif item.tag == "image":
            found.images.append((_uid(item.find("value/instance")), _text(item, "value/frames")))
        elif item.tag == "code":
            found.coded.append(_coded(item))
    if texts:
        found.sections.append((heading, language, texts))


def _coded(item: ET.Element) -> Coded:
    below = {_text(code, "concept/value"): _text(code, "value") for code in item.iter("code")}
    numbers = tuple(
        (
            _text(number, "concept/value"),
            float(_text(number, "value")),
            _text(number, "unit/value"),
        )
        for number in item.iter("num")
    )
    return Coded(
        _text(item, "concept/value"),
        _text(item, "value"),
        below.get("272741003", ""),
        below.get("363698007", ""),
        below.get("change", ""),
        numbers,
        _text(item, "uidref/value"),
    )


def _parts(name: ET.Element | None) -> Iterator[str]:
    found = {} if name is None else {part.tag: part.text or "" for part in name}
    for part in ("last", "first", "middle", "prefix", "suffix"):
        if part in found:
            yield found[part]


def _text(element: ET.Element, path: str) -> str:
    found = element.find(path)
    return "" if found is None else found.text or ""


def _uid(element: ET.Element | None) -> str:
    return "" if element is None else element.get("uid", "")
