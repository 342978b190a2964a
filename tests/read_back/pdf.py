"""PDF, read by pypdf. A page has lines of its own, so texts are compared without white space."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any

from pypdf import PdfReader

from tests.read_back import text
from tests.read_back.facts import Facts, minute, only

CARRIED = (*text.CARRIED, "content_sha", "images")
IMAGES = {"zh": "关键图像", "en": "Key images"}
_LAST = ("补充", "Addendum", "补充Addendum")
BELOW = ("author", "signer", "status", "reason")
"""What stands below the text."""
HASH = {"zh": "内容校验", "en": "Content hash"}


def carried(told: Facts) -> Facts:
    """Return what the pages carry of `facts`: in a report of two languages a value in both."""
    langs = told["languages"]
    parts = {lang: text.carried(told, lang) for lang in langs}

    def both(name: str) -> str:
        return "".join(dict.fromkeys(parts[lang][name] for lang in langs))

    kinds = [told["exam"][lang].split(" · ") for lang in langs]
    bodies = "".join(kind[1] for kind in kinds)
    marks = zip(*(told["marks"][lang] for lang in langs), strict=True)
    flat = (
        only(told, CARRIED)
        | {"exam": "·".join((kinds[0][0], bodies, *kinds[0][2:]))}
        | {
            name: both(name)
            for name in ("printed_name", "institution", "sex", "age", "status", "signer")
        }
        | {
            "study_time": minute(told["study_time"], told["time_zone"]),
            "submitted_at": minute(told["submitted_at"], told["time_zone"]),
            "signed_at": minute(told["signed_at"], told["time_zone"]),
            "author": parts[langs[0]]["author"],
            "marks": ["·".join(mark) for mark in marks],
            "images": [f"{at}" for at, _ in enumerate(told["images"], start=1)],
            "sentences": {
                lang: ["".join(lines) for lines in told["sentences"][lang]] for lang in langs
            },
        }
    )
    return {name: _squeezed(value) for name, value in flat.items()}


def read(data: bytes, told: Facts) -> Facts:
    """Return what the pages say. `told`: to know the report's languages by, and what must stand at
    the head and the foot of each page; where it does not, that alone is returned."""
    langs, expected = told["languages"], carried(told)
    file = PdfReader(io.BytesIO(data))
    pages = [_squeezed(page.extract_text()) for page in file.pages]
    mark, notice = expected["marks"] or ("", "")
    numbering = {"zh": "第{n}页，共{of}页", "en": "page{n}of{of}"}
    numbers = (told["patient_number"], told["accession"])
    names = dict.fromkeys(told["printed_name"][lang] for lang in langs)
    running = "·".join(filter(None, ("".join(names), *numbers)))
    first = told["institution"][langs[0]]
    body = ""
    for n, page in enumerate(pages, start=1):
        head = _squeezed(f"{running}{first}") if n > 1 else ""
        pagers = "·".join(numbering[lang].format(n=n, of=len(pages)) for lang in langs)
        foot = "·".join(filter(None, (mark, told["case_id"]))) + notice + pagers
        if not (page.startswith(head) and page.endswith(foot)):
            return {"pages": f"page {n} has another head or foot: {page[:200]} ... {page[-200:]}"}
        body += page[len(head) : len(page) - len(foot)]
    return _parsed(body, file, told)


def _parsed(body: str, file: PdfReader, told: Facts) -> Facts:
    langs = told["languages"]
    found: Facts = dict.fromkeys(CARRIED, "")
    names = zip(*(text.LABELS[lang] for lang in langs), text.LABELS["zh"].values(), strict=True)
    labels = {_squeezed("".join(words)): name for *words, name in names}
    headings = {heading: place for heading, place in text.HEADINGS.items() if place[0] in langs}
    images = _squeezed("".join(IMAGES[lang] for lang in langs))
    checked = _squeezed("".join(HASH[lang] for lang in langs)) + "(SHA-256)"
    head = [label for label, name in labels.items() if name not in BELOW]
    below = [label for label, name in labels.items() if name in BELOW]
    title, *parts = _cut(body, [*head, *headings, images, *below, checked])
    departments = "放射科Radiology", "放射科", "Radiology"
    titles = {"zh": "影像检查报告", "en": "Imagingreport"}
    title = title.removesuffix("".join(titles[lang] for lang in langs))
    found["institution"] = next(
        (title.removesuffix(d) for d in departments if title.endswith(d)), title
    )
    found["sentences"] = {lang: ["", ""] for lang in langs}
    found["marks"], found["images"] = [], []
    for key, value in parts:
        if key in headings:
            lang, index = headings[key]
            found["sentences"][lang][index] = value
        elif key == images:
            captions = {"zh": "图{n}", "en": "Image{n}"}
            shown = sum(len(page.images) for page in file.pages)
            numbers = range(1, shown + 1)
            caption = "".join(captions[lang] for lang in langs)
            wanted = "".join(caption.replace("{n}", str(n)) for n in numbers)
            found["images"] = [str(n) for n in numbers] if wanted == value else [value]
        elif key == checked:
            found["content_sha"] = value
        else:
            found[labels[key]] = value
    _read_foot(found, langs)
    return found


def _read_foot(found: Facts, langs: Iterable[str]) -> None:
    """Take apart what stands behind the labels of people and status, and the mark below them."""
    last = "reason" if found["reason"] else "status"
    for opening in ("AI辅助", "AI-assisted", "AI生成", "AI-generated"):
        value, begun, rest = found[last].partition(opening)
        if begun:
            notice = min(rest.find(word) for word in ("所用", "TheAI") if word in rest)
            found[last] = value
            found["marks"] = [begun + rest[:notice], rest[notice:]]
            break
    for name, time in (("author", "submitted_at"), ("signer", "signed_at")):
        minute_ = re.search(r"\d{4}-\d\d-\d\d\d\d:\d\d(UTC)?$", found[name])
        if minute_:
            found[name], found[time] = found[name][: minute_.start()], minute_.group()
    status, _, version = found["status"].partition("·")
    numbers = set(re.findall(r"\d+", version))
    found["status"] = status
    found["version"] = int(numbers.pop()) if len(numbers) == 1 else version


def _cut(body: str, keys: Iterable[str]) -> list[Any]:
    """`body` cut at the keys that it has, in order: what stands before, then each with its text."""
    found: list[Any] = []
    begun: str | None = None
    at = start = 0
    for key in keys:
        # A status (补充报告) has the word in it that stands before the reason (补充).
        next_at = body.rfind(key, at) if key in _LAST else body.find(key, at)
        if next_at < 0:
            continue
        found.append(body[start:next_at] if begun is None else (begun, body[start:next_at]))
        begun, start = key, next_at + len(key)
        at = start
    found.append((begun, body[start:]))
    return found


def _squeezed(value: Any) -> Any:
    """`value` without white space."""
    if isinstance(value, str):
        return re.sub(r"\s+", "", value)
    if isinstance(value, list):
        return [_squeezed(item) for item in value]
    if isinstance(value, dict):
        return {name: _squeezed(item) for name, item in value.items()}
    return value
