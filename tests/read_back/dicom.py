"""DICOM objects of a report, read by dcmtk's dcm2json and dcm2pdf."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from radraft.reports.findings.vocabulary import vocabulary
from tests.read_back.facts import Facts, only

HEAD = (
    "patient_number", "patient_names", "birth_date", "sex", "accession", "study_uid",
    "study_time", "clock", "version", "institution", "images",
)  # fmt: skip
REPORT = (
    *HEAD, "sentences", "findings", "sides", "numbers", "marks", "reason", "author", "signer",
    "accounts", "submitted_at", "signed_at", "status", "priors",
)  # fmt: skip
_CERTAINTIES = {"52101004": "present", "272519000": "absent", "373068000": "uncertain"}
_SIDES = {"7771000": "left", "24028007": "right", "51440002": "bilateral"}
_RELATED = {"121360": "corrected", "121361": "appended"}
Tags = dict[str, Any]


def carried_report(told: Facts) -> Facts:
    """Return what a structured report carries of `facts`."""
    codes = vocabulary()
    return _head(told, REPORT) | {
        "findings": [
            (section, codes[code].radlex or code, *rest)
            for section, code, *rest in told["findings"]
        ],
        "marks": {lang: told["marks"][lang] for lang in told["languages"]},
        # Who signed alone handed it over with his signature.
        "submitted_at": told["submitted_at"] or told["signed_at"],
    }


def carried_selection(told: Facts) -> Facts:
    """Return what a selection of key images carries of `facts`."""
    names = tuple(name for name in HEAD if name != "institution")
    return _head(told, names) | {
        "signer": told["signer"] or told["author"],
        "signed_at": (told["signed_at"] or told["submitted_at"]).replace(microsecond=0),
    }


def carried_pdf(told: Facts) -> Facts:
    """Return what the object around a PDF carries of `facts`."""
    signed = told["status"] != "preliminary"
    return _head(told, HEAD) | {
        "images": list(dict.fromkeys(uid for uid, _ in told["images"])),
        "status": ("appended" if told["status"] == "appended" else "corrected")
        if told["supersedes"]
        else ("final" if signed else "preliminary"),
        "signed_at": told["signed_at"] or told["submitted_at"],
        "pdf": "the same bytes",
    }


def read_report(data: bytes) -> Facts:
    """Return what a structured report says."""
    tags = _json(data)
    content = list(_items(tags, "0040A730"))
    [author] = _items(tags, "0040A078")
    verifying = list(_items(tags, "0040A073"))
    found: Facts = _read_head(tags) | {
        "author": _person(author, "0040A123"),
        "accounts": [_account(author, "00401101")],
        "submitted_at": _moment(_value(tags, "0040A032")),
        "signer": "",
        "signed_at": None,
        "status": _status(tags, "0040A496", "FINAL"),
    }
    assert _value(tags, "0040A493") == ("VERIFIED" if verifying else "UNVERIFIED")
    if verifying:
        [signer] = verifying
        found["signer"] = _person(signer, "0040A075")
        found["signed_at"] = _moment(_value(signer, "0040A030"))
        assert _value(signer, "0040A030").endswith(found["clock"])
        found["accounts"].append(_account(signer, "0040A088"))
        assert _value(signer, "0040A027") == found["institution"]
    people = dict.fromkeys([found["author"], found["signer"] or found["author"]])
    named = [_person(item, "0040A123") for item in content if _value(item, "0040A040") == "PNAME"]
    assert named == list(people)
    return found | _content(content)


def read_selection(data: bytes) -> Facts:
    """Return what a selection of key images says."""
    tags = _json(data)
    content = list(_items(tags, "0040A730"))
    found = _read_head(tags)
    del found["institution"]
    [signer] = [item for item in content if _value(item, "0040A040") == "PNAME"]
    moment = _value(tags, "00080023") + _value(tags, "00080033") + _value(tags, "00080201")
    return found | {
        "images": [_image(item) for item in content if _value(item, "0040A040") == "IMAGE"],
        "signer": _person(signer, "0040A123"),
        "signed_at": datetime.strptime(moment, "%Y%m%d%H%M%S%z"),
    }


def read_pdf(data: bytes, pdf: bytes) -> Facts:
    """Return what the object around `pdf` says, and whether dcm2pdf takes the same out of it."""
    tags = _json(data)
    moment = _value(tags, "00080023") + _value(tags, "00080033") + _value(tags, "00080201")
    with tempfile.TemporaryDirectory() as folder:
        file, back = Path(folder) / "report.dcm", Path(folder) / "report.pdf"
        file.write_bytes(data)
        subprocess.run(["dcm2pdf", file, back], check=True, capture_output=True, timeout=60)
        same = back.read_bytes()[: len(pdf)] == pdf
    return _read_head(tags) | {
        "images": [_value(item, "00081155") for item in _items(tags, "00420013")],
        "status": _status(tags, "0040A493", "VERIFIED"),
        "signed_at": datetime.strptime(moment, "%Y%m%d%H%M%S.%f%z"),
        "pdf": "the same bytes" if same and _value(tags, "00420015") == len(pdf) else "others",
    }


def _head(told: Facts, names: tuple[str, ...]) -> Facts:
    found = only(told, names)
    if "institution" in found:
        found["institution"] = told["institution"][told["languages"][0]]
    return found | {"patient_names": sorted((f, g) for _, f, g in told["patient_names"])}


def _read_head(tags: Tags) -> Facts:
    [name] = tags["00100010"]["Value"]
    groups = [[*group.split("^"), ""] for group in name.values()]
    day, time = _value(tags, "00080020"), _value(tags, "00080030")
    born = _value(tags, "00100030")
    return {
        "patient_number": _value(tags, "00100020"),
        "patient_names": sorted((group[0], group[1]) for group in groups),
        "birth_date": f"{born[:4]}-{born[4:6]}-{born[6:]}" if born else "",
        "sex": _value(tags, "00100040"),
        "accession": _value(tags, "00080050"),
        "study_uid": _value(tags, "0020000D"),
        "study_time": datetime.strptime(day + time, "%Y%m%d%H%M%S") if day else None,
        "clock": _value(tags, "00080201"),
        "version": _value(tags, "00200013"),
        "institution": _value(tags, "00080080"),
        "images": [],
    }


def _status(tags: Tags, flag: str, signed: str) -> str:
    """Signed or not by `flag`; what it is to the version before by the purpose of its reference."""
    if _value(tags, flag) != signed:
        return "preliminary"
    for study in _items(tags, "0040A360"):
        [series] = _items(study, "00081115")
        [instance] = _items(series, "00081199")
        [purpose] = _items(instance, "0040A170")
        return _RELATED[_value(purpose, "00080100")]
    return "final"


def _content(content: list[Tags]) -> Facts:
    language = ""
    found: Facts = {
        "sentences": {}, "marks": {}, "reason": "", "images": [], "priors": [],
        "findings": [], "sides": [], "numbers": [],
    }  # fmt: skip
    sections: dict[str, str] = {}
    coded: list[Tags] = []
    for item in content:
        name, below = _name(item), list(_items(item, "0040A730"))
        if name == "121049":
            language = _code(item, "0040A168")
        if _value(item, "0040A040") != "CONTAINER":
            continue
        spoken = [_code(part, "0040A168") for part in below if _name(part) == "121049"]
        lang = spoken[0] if spoken else language
        texts = [_value(part, "0040A160") for part in below if _value(part, "0040A040") == "TEXT"]
        if name in ("59776-5", "19005-8"):
            index = ("59776-5", "19005-8").index(name)
            found["sentences"].setdefault(lang, [[], []])[index] = texts
            for part in below:
                if uid := _value(part, "0040A171"):
                    sections[uid] = ("findings", "impression")[index]
        elif name == "ai-mark":
            found["marks"][lang] = texts
        elif name in ("amendment", "addendum"):
            [found["reason"]] = texts
        elif name == "55113-5":
            found["images"] = [_image(part) for part in below]
        elif name == "55114-3":
            for part in below:
                [uid] = _items(part, "0040A730")
                day = _value(part, "0040A160").split(" ")[0]
                found["priors"].append((day, _value(uid, "0040A124")))
        elif name == "coded-findings":
            coded = below
    if not found["marks"]:
        found["marks"] = {lang: [] for lang in found["sentences"]}
    for item in coded:
        _read_coded(found, item, sections)
    return found


def _read_coded(found: Facts, item: Tags, sections: dict[str, str]) -> None:
    below = {_name(part): part for part in _items(item, "0040A730")}
    sizes, others = [], {}
    for part in _items(item, "0040A730"):
        for measured in _items(part, "0040A300"):
            value, unit = float(_value(measured, "0040A30A")), _code(measured, "004008EA")
            if _name(part) == "81827009":
                assert unit == "mm"
                sizes.append(value)
            else:
                others[_name(part)] = (value, unit)
    share, volume = others.get("extent"), others.get("118565006")
    assert (share or ("", "%"))[1] == "%"
    assert (volume or ("", "ml"))[1] == "ml"
    found["findings"].append(
        (
            sections[_value(below["sentence"], "0040A124")],
            _name(item),
            _CERTAINTIES[_code(item, "0040A168")],
            _code(below["363698007"], "0040A168") if "363698007" in below else "",
            _code(below["change"], "0040A168") if "change" in below else "",
        )
    )
    side = below.get("272741003")
    found["sides"].append(_SIDES[_code(side, "0040A168")] if side else "")
    found["numbers"].append((tuple(sizes), share and share[0], volume and volume[0]))


def _json(data: bytes) -> Tags:
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(data)
        file.flush()
        done = subprocess.run(["dcm2json", file.name], check=True, capture_output=True, timeout=60)
    tags: Tags = json.loads(done.stdout)
    return tags


def _items(tags: Tags, tag: str) -> Iterator[Tags]:
    yield from tags.get(tag, {}).get("Value", ())


def _value(tags: Tags, tag: str) -> Any:
    return tags.get(tag, {}).get("Value", [""])[0]


def _code(tags: Tags, tag: str) -> str:
    [code] = _items(tags, tag)
    return str(_value(code, "00080100") or _value(code, "00080119"))


def _name(item: Tags) -> str:
    return _code(item, "0040A043")


def _account(tags: Tags, tag: str) -> str:
    return _code(tags, tag)


def _person(tags: Tags, tag: str) -> str:
    """A name as people type it: all of it is the family name."""
    name = _value(tags, tag)
    return str(name.get("Ideographic", name["Alphabetic"])).rstrip("^")


def _image(item: Tags) -> tuple[str, int]:
    [reference] = _items(item, "00081199")
    return _value(reference, "00081155"), _value(reference, "00081160") or 0


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S.%f%z")
