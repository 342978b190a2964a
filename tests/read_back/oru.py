"""ORU^R01, read by the library `hl7`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hl7

from radraft.reports.values import LANGS
from tests.read_back.facts import Facts, only

IMAGE_URL = "https://pacs.example/wado?study={study}&object={instance}&f={frame}"
CARRIED = (
    "sentences", "findings", "sides", "numbers", "marks", "reason", "patient_number",
    "patient_names", "birth_date", "sex", "accession", "study_uid", "study_time", "author",
    "signer", "accounts", "submitted_at", "signed_at", "clock", "status", "content_sha",
    "supersedes", "images",
)  # fmt: skip
_SECTIONS = {"59776-5": 0, "19005-8": 1}
_SIDES = {"L": "left", "R": "right", "BIL": "bilateral"}
_LINE_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def carried(told: Facts) -> Facts:
    """Return what a message with links to its images carries of `facts`."""
    exact = only(told, CARRIED)
    return exact | {
        "marks": {lang: told["marks"][lang] for lang in told["languages"]},
        "sex": told["sex"] or "U",
        "accession": told["accession"] or told["case_id"],
        "images": [(uid, frame or 1) for uid, frame in told["images"]],
        "submitted_at": _milliseconds(told["submitted_at"]),
        "signed_at": _milliseconds(told["signed_at"]),
    }


def read(data: bytes, codec: str = "utf-8") -> Facts:
    """Return what the message says."""
    parsed = hl7.parse(data.decode(codec))
    pid, obr = parsed.segment("PID"), parsed.segment("OBR")

    def part(field: Any, *path: int) -> str:
        for position in path:
            field = field[0] if position == 0 else field[position - 1]
        return str(parsed.unescape(str(field)))

    found: Facts = {
        "patient_number": part(pid[3], 0, 1),
        "patient_names": [
            (str(name[7]), parsed.unescape(str(name[0])), parsed.unescape(str(name[1])))
            for name in pid[5]
        ],
        "birth_date": re.sub(r"(....)(..)(..)", r"\1-\2-\3", str(pid[7])),
        "sex": str(pid[8]),
        "accession": part(obr[3], 0, 1),
        "study_time": _time(str(obr[7])),
        "signed_at": _time(str(obr[22])),
        "clock": str(obr[22])[-5:],
        "submitted_at": None,
        "signer": "",
    }
    found["accounts"] = []
    if str(obr[32]):
        found["signer"], found["accounts"] = part(obr[32], 0, 1, 2), [part(obr[32], 0, 1, 1)]
        assert _time(part(obr[32], 0, 2)) == found["signed_at"]
    found["author"] = found["signer"]
    if len(obr) > 33:
        found["author"] = part(obr[33], 0, 1, 2)
        found["submitted_at"] = _time(part(obr[33], 0, 2))
        found["accounts"] = [part(obr[33], 0, 1, 1), *found["accounts"]]
    else:
        found["accounts"] *= 2
    if not found["signer"]:
        found["signed_at"] = None
    return found | _observations(parsed, str(obr[25]))


def _observations(parsed: hl7.Message, status: str) -> Facts:
    sentences: dict[str, list[list[str]]] = {}
    marks: dict[str, list[str]] = {}
    groups: dict[str, dict[str, Any]] = {}
    single: dict[str, str] = {}
    images = []
    section_of: dict[str, str] = {}
    for number, obx in enumerate(parsed.segments("OBX"), start=1):
        code, group = str(obx[3][0][0]), str(obx[4])
        assert (str(obx[1]), str(obx[11])) == (str(number), status)
        value = parsed.unescape(str(obx[5])).replace("\r", "\n")
        if code in _SECTIONS:
            sentence, lang = group.split(".")
            sentences.setdefault(lang, [[], []])[_SECTIONS[code]].append(value)
            section_of[sentence] = ("findings", "impression")[_SECTIONS[code]]
        elif code in ("ai-mark", "ai-use"):
            marks.setdefault(group, []).append(value)
        elif code == "key-image":
            query = parse_qs(urlsplit(parsed.unescape(str(obx[5][0][0]))).query)
            images.append((query["object"][0], int(query["f"][0])))
        elif str(obx[2]) == "CE":
            # The alternate code is our own where the first is RadLex's.
            groups.setdefault(group, {})[code] = str(obx[5][0][-3])
        elif str(obx[2]) == "NM":
            groups.setdefault(group, {})[code] = (float(str(obx[5])), str(obx[6][0][0]))
        else:
            assert code not in single
            single[code] = value
    coded = [(section_of[group.split(".")[0]], told) for group, told in groups.items()]
    languages = [lang for lang in LANGS if lang in sentences]
    return {
        "sentences": sentences,
        "marks": marks or {lang: [] for lang in languages},
        "findings": [
            (section, t["121071"], t["certainty"], t.get("site", ""), t.get("change", ""))
            for section, t in coded
        ],
        "sides": [_SIDES[t["side"]] if "side" in t else "" for _, t in coded],
        "numbers": [numbers(t) for _, t in coded],
        "images": images,
        "reason": single.get("amendment", single.get("addendum", "")),
        "status": {
            "P": "preliminary",
            "F": "final",
            "C": "appended" if "addendum" in single else "corrected",
        }[status],
        "study_uid": single["110180"],
        "content_sha": single.get("content-hash", ""),
        "supersedes": single.get("superseded-hash", ""),
    }


def numbers(told: dict[str, Any]) -> tuple[tuple[float, ...], float | None, float | None]:
    """Return sizes, share and volume of a finding whose units are those that they are stated in."""
    sizes = [told[f"dimension-{n}"] for n in (1, 2, 3) if f"dimension-{n}" in told]
    share, volume = told.get("extent"), told.get("volume")
    units = {unit for _, unit in sizes} | {share and share[1], volume and volume[1]}
    assert units <= {"mm", "%", "mL", "ml", None}
    return (
        tuple(size for size, _ in sizes),
        share and share[0],
        volume and volume[0],
    )


def _time(text: str) -> datetime | None:
    if not text:
        return None
    return datetime.strptime(text, "%Y%m%d%H%M%S" if len(text) == 14 else "%Y%m%d%H%M%S.%f%z")


def _milliseconds(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment - timedelta(microseconds=moment.microsecond % 1000)
