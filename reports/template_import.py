"""Templates of other makers: MRRT (IHE's Management of Radiology Report Templates, HTML5) and lists
of sentences in YAML, read into the project's own form; and templates written as MRRT.

Nothing of a file's markup is kept: only its text, in lines. Scripts, handlers and styles are never
looked at, nothing is fetched, and a file that asks for something outside it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import Any

import yaml
from pydantic import ValidationError

from radraft.core.errors import ReportError
from radraft.core.yaml_files import Strict
from radraft.reports.codec import MAX_TEXT
from radraft.reports.report_templates import (
    MAX_FILE,
    ReportTemplate,
    TemplateLine,
    template_from_yaml,
)
from radraft.reports.values import LANGS, Lang, Section

MAX_ELEMENTS = 20_000
MAX_DEPTH = 200
BLANK = "( )"

_HAN = re.compile(r"[一-鿿]")
_SECTIONS = (
    (
        Section.IMPRESSION,
        re.compile(r"impression|conclusion|summary|opinion|诊断|印象|结论|意见", re.I),
    ),
    (Section.FINDINGS, re.compile(r"finding|observation|description|report|所见|描述", re.I)),
)
"""Names of sections that stand in a report; the first that fits counts."""
_MODALITIES = (
    (("CT",), re.compile(r"\bct\w*\b|tomograph", re.I)),
    (("MR",), re.compile(r"\bmri?\b|magnetic", re.I)),
    (("US",), re.compile(r"\bus\b|ultraso|sonogra|超声", re.I)),
    (("RF",), re.compile(r"fluoro|fluro", re.I)),
    (("MG",), re.compile(r"mammogra|乳腺", re.I)),
    (("CR", "DX"), re.compile(r"\bxr\b|\bcr\b|\bdx\b|radiogra|x-?ray|x线", re.I)),
)
_BODY_PARTS = (
    ("LSPINE", re.compile(r"lumbar|\bl-?spine|腰椎", re.I)),
    ("CSPINE", re.compile(r"cervical|\bc-?spine|颈椎", re.I)),
    ("TSPINE", re.compile(r"thoracic spine|\bt-?spine|胸椎", re.I)),
    ("CHEST", re.compile(r"chest|thora|lung|pulmonary angiogram|\bctpa\b|胸|肺", re.I)),
    ("HEAD", re.compile(r"\bhead\b|brain|skull|crani|stroke|颅|头", re.I)),
    ("ABDOMEN", re.compile(r"abdom|liver|\bkub\b|腹|肝", re.I)),
    ("PELVIS", re.compile(r"pelvi|sacroiliac|盆", re.I)),
    ("KNEE", re.compile(r"\bknee\b|膝", re.I)),
    ("HIP", re.compile(r"\bhip\b|trochanter|髋", re.I)),
    ("SHOULDER", re.compile(r"shoulder|glenohumeral|acromio|subacromial|肩", re.I)),
    ("ANKLE", re.compile(r"ankle|subtalar|踝", re.I)),
    ("FOOT", re.compile(r"\bfoot\b|great toe|plantar|足", re.I)),
    ("WRIST", re.compile(r"wrist|腕", re.I)),
    ("HAND", re.compile(r"hand|thumb|手", re.I)),
    ("ELBOW", re.compile(r"elbow|肘", re.I)),
)


@dataclass(frozen=True)
class Imported:
    """A template as it was read."""

    template: ReportTemplate
    left_out: tuple[str, ...] = ()
    """Names of the file's sections that stand in no report: clinical information, technique."""

    @property
    def is_limited(self) -> bool:
        """Whether it says for which examinations it is: one that does not would be for all."""
        return bool(self.template.modalities or self.template.body_parts)


def read_template(content: bytes, name: str = "") -> Imported:
    """Return the template in a file, in whichever form it is; `name` is the file's name without
    its folder, from which an id is made where the file has none.

    ReportError `template_too_large`, `report_template_invalid`, `template_format`,
    `template_not_mrrt`, `template_external`, `template_too_deep`, `template_language`,
    `template_without_lines`.
    """
    if len(content) > MAX_FILE:
        raise ReportError("template_too_large", most=MAX_FILE // 1000)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ReportError("template_format") from None
    if "\0" in text:
        raise ReportError("template_format")
    if text.lstrip()[:1] == "<":
        return _read_mrrt(text, name)
    return _read_yaml(text, name)


def _read_yaml(text: str, name: str) -> Imported:
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ReportError("template_format") from None
    if isinstance(data, dict) and "lines" in data:
        return Imported(template_from_yaml(text))
    if isinstance(data, dict) and "report" in data:
        return Imported(_of_sentences(data, name))
    raise ReportError("template_format")


class _ReportPart(Strict):
    section: str = ""
    content: str = ""


class _SentenceFile(Strict):
    """A file of sentences for dictation: marks in square brackets are to be filled in."""

    exam_code: tuple[str, ...] | str = ()
    vr_shortcut_suffix: str = ""
    technique: str = ""
    report: str | tuple[_ReportPart, ...]
    summary: str = ""
    intervention: bool = False
    references: tuple[str, ...] = ()


def _of_sentences(data: dict[str, Any], name: str) -> ReportTemplate:
    try:
        file = _SentenceFile.model_validate_json(json.dumps(data))
    except (ValidationError, TypeError, ValueError):
        raise ReportError("report_template_invalid", fields="report") from None
    parts = (
        [_ReportPart(content=file.report)] if isinstance(file.report, str) else list(file.report)
    )
    lines = _Lines()
    for part in parts:
        for sentence in _sentences(_marked(part.content)):
            lines.add(Section.FINDINGS, part.section or sentence, {_language(sentence): sentence})
    for sentence in _sentences(_marked(file.summary)):
        lines.add(Section.IMPRESSION, sentence, {_language(sentence): sentence})
    title = file.vr_shortcut_suffix or name
    codes = (file.exam_code,) if isinstance(file.exam_code, str) else file.exam_code
    return _template(name or title, title, lines, subject=f"{title} {name}", procedures=codes)


def _marked(text: str) -> str:
    """Return a text with its marks in square brackets written as fields."""

    def written(match: re.Match[str]) -> str:
        choices = [choice.strip() for choice in match[1].split("|")]
        if not any(choices):
            return BLANK
        return f"( {' / '.join([*choices, ''] if len(choices) == 1 else choices).strip()} )"

    return re.sub(r"\[([^\[\]]*)\]", written, text)


def _sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text: by its line breaks, and by the stops in a line."""
    for line in text.splitlines():
        for sentence in re.split(r"(?<=[。；;])|(?<=[a-z)\]]\.)\s+(?=[A-Z(])", line):
            if sentence and sentence.strip(" .。;；"):
                yield sentence.strip()


# MRRT


@dataclass
class _Element:
    tag: str
    attributes: dict[str, str]
    children: list[_Element | str] = field(default_factory=list)

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    def elements(self) -> Iterator[_Element]:
        return (child for child in self.children if isinstance(child, _Element))

    def walk(self) -> Iterator[_Element]:
        yield self
        for child in self.elements():
            yield from child.walk()

    def text(self) -> str:
        """Return all the text in it, white space as one space."""
        parts = (child if isinstance(child, str) else child.text() for child in self.children)
        return " ".join("".join(parts).split())


_VOID = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input"),
        *("link", "meta", "param", "source", "track", "wbr"),
    }
)
_SILENT = frozenset(["script", "style", "template", "noscript", "svg", "math", "canvas"])
"""Elements of which nothing is looked at."""
_FETCHING = {
    "script": "src", "link": "href", "img": "src", "iframe": "src", "object": "data",
    "embed": "src", "audio": "src", "video": "src", "source": "src", "track": "src",
    "form": "action", "base": "href", "frame": "src", "image": "href", "use": "href",
    "input": "src",
}  # fmt: skip
"""Attributes by which an element asks for something outside the file."""
_BLOCKS = frozenset(
    {
        *("p", "div", "li", "tr", "td", "th", "table", "ul", "ol", "dl", "dt", "dd", "section"),
        *("fieldset", "header", "article", "main", "body", "form", "br", "legend"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    }
)
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "header", "legend", "th", "caption"])


class _TreeReader(HTMLParser):
    """Reads HTML into elements. It knows no entities but HTML's own characters, opens nothing, and
    gives up where a file is larger than any template."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("", {})
        self._open = [self.root]
        self._count = 0

    def handle_decl(self, decl: str) -> None:
        """Refuse a document type that declares entities or has a subset."""
        if "[" in decl or re.search(r"\bENTITY\b", decl, re.I):
            raise ReportError("template_external", what="DOCTYPE")

    def unknown_decl(self, data: str) -> None:
        """Take no notice of a marked section."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add an element."""
        attributes = {name: value or "" for name, value in attrs if not name.startswith("on")}
        _require_inside(tag, attributes)
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) > MAX_DEPTH:
            raise ReportError("template_too_deep")
        element = _Element(tag, attributes)
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add an element that has no end: in HTML only void ones are that."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID and self._open[-1].tag == tag:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """End the innermost open element of that name; an end without a beginning is none."""
        for place in range(len(self._open) - 1, 0, -1):
            if self._open[place].tag == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        """Add text."""
        self._open[-1].children.append(data)


def _require_inside(tag: str, attributes: dict[str, str]) -> None:
    """Raise ReportError `template_external` for an element that asks for something outside the
    file."""
    asked = attributes.get(_FETCHING.get(tag, ""), "").strip()
    asked = asked or attributes.get("srcset", "").strip() or attributes.get("xlink:href", "")
    if asked and not asked.startswith(("#", "data:")):
        raise ReportError("template_external", what=f"<{tag}>")
    style = attributes.get("style", "")
    if re.search(r"url\s*\(", style, re.I):
        raise ReportError("template_external", what="style")


def _read_mrrt(text: str, name: str) -> Imported:
    reader = _TreeReader()
    reader.feed(text)
    reader.close()
    root = reader.root
    for element in root.walk():
        if element.tag == "style" and re.search(r"@import|url\s*\(", element.text(), re.I):
            raise ReportError("template_external", what="<style>")
    metas = _metas(root)
    declared = metas.get("dcterms.language") or next(
        (e.get("lang") for e in root.walk() if e.tag == "html"), ""
    )
    sections = [e for e in root.walk() if _section_name(e)]
    if not sections:
        raise ReportError("template_not_mrrt")
    language = _declared_language(declared, root)
    lines = _Lines()
    left_out = []
    for element in sections:
        section = _section_of(_section_name(element))
        if section is None:
            left_out.append(_section_name(element)[:60])
        elif not any(inner is not element and element in list(inner.walk()) for inner in sections):
            _Blocks(root, language, lines).read(element, section)
    title = metas.get("dcterms.title") or next(
        (e.text() for e in root.walk() if e.tag == "title"), ""
    )
    template = _template(
        metas.get("dcterms.identifier") or name or title,
        title or name,
        lines,
        subject=" ".join((metas.get("rrt:modality", ""), metas.get("rrt:bodyregion", ""), title)),
        own=metas,
    )
    return Imported(template, tuple(dict.fromkeys(left_out)))


def _metas(root: _Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in root.walk():
        if element.tag == "meta" and element.get("name"):
            name = element.get("name").lower()
            suffix = f".{element.get('lang')[:2]}" if element.get("lang") else ""
            found.setdefault(name + suffix, element.get("content").strip()[:500])
            found.setdefault(name, element.get("content").strip()[:500])
    return found


def _section_name(element: _Element) -> str:
    if element.tag != "section":
        return ""
    named = element.get("data-section-name")
    if named:
        return named
    header = next((e for e in element.elements() if e.tag in _HEADINGS), None)
    return header.text() if header is not None else ""


def _section_of(name: str) -> Section | None:
    return next((section for section, words in _SECTIONS if words.search(name)), None)


def _declared_language(declared: str, root: _Element) -> Lang:
    """Return the language of a file. ReportError `template_language` for any but zh and en."""
    code = declared.strip().lower()[:2]
    if code in LANGS:
        return "zh" if code == "zh" else "en"
    if code:
        raise ReportError("template_language", language=re.sub(r"[^A-Za-z-]", "", declared)[:12])
    return _language(root.text())


def _language(text: str) -> Lang:
    return "zh" if _HAN.search(text) else "en"


class _Lines:
    """The lines of a template that is being read."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._taken: set[str] = set()

    def add(
        self,
        section: Section,
        name: str,
        texts: dict[Lang, str],
        *,
        path: str = "",
        **more: Any,
    ) -> None:
        """Add a line; one that says nothing is none."""
        texts = {lang: text[:MAX_TEXT] for lang, text in texts.items() if text.strip(" :：.。")}
        if not texts:
            return
        if not path:
            slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:30].strip("_")
            path = f"{section.value}/{slug or len(self.found) + 1}"
        unique, number = path, 2
        while unique in self._taken:
            unique, number = f"{path}_{number}"[:64], number + 1
        self._taken.add(unique)
        label = name.strip(" :：")[:120] or next(iter(texts.values()))[:120]
        line: dict[str, Any] = {"path": unique, "name": {_language(label): label}}
        self.found.append(line | dict(texts) | more)


class _Blocks:
    """Reads the blocks of a section: each is a line, of text and of fields."""

    def __init__(self, root: _Element, language: Lang, lines: _Lines) -> None:
        self._language = language
        self._lines = lines
        self._labels = {
            e.get("for"): e.text() for e in root.walk() if e.tag == "label" and e.get("for")
        }
        self._heading = ""
        self._parts: list[tuple[str, str]] = []
        self._radios: dict[str, list[str]] = {}

    def read(self, section: _Element, place: Section) -> None:
        """Add the lines of a section."""
        self._section = place
        for element in section.elements():
            if element.tag in _HEADINGS:
                continue
            self._block(element)
        self._end()

    def _block(self, element: _Element) -> None:
        if element.get("data-path"):
            self._end()
            self._own_line(element)
            return
        if element.tag in _HEADINGS:
            self._end()
            self._heading = element.text()
            return
        is_block = element.tag in _BLOCKS
        if is_block:
            self._end()
        if not self._field(element):
            for child in element.children:
                if isinstance(child, str):
                    self._put("text", child)
                elif child.tag not in _SILENT:
                    self._block(child)
        if is_block:
            self._end()

    def _field(self, element: _Element) -> bool:
        """Take an element that is a field; whether it is one."""
        kind = element.get("type").lower() or "text"
        if element.tag == "label":
            if any(e.tag in ("input", "select", "textarea") for e in element.walk()):
                return False
            self._put("label", element.text())
        elif element.tag == "textarea":
            self._put("field", element.text() or BLANK)
        elif element.tag == "select":
            self._put("field", _choice(element))
        elif element.tag == "input" and kind == "radio":
            said = self._labels.get(element.get("id"), "") or element.get("value")
            self._radios.setdefault(element.get("name"), []).append(said)
        elif element.tag == "input" and kind in ("text", "number", "date", "time"):
            self._put("field", element.get("value") or BLANK)
        else:
            # A box that nobody ticked says nothing, nor does a button.
            return element.tag in ("input", "button", "option")
        return True

    def _put(self, kind: str, text: str) -> None:
        self._parts.append((kind, text))

    def _end(self) -> None:
        """End the line that was being read."""
        for choices in self._radios.values():
            options = {choice.strip() for choice in choices}
            labels = {part for part in self._parts if part[0] == "label" and part[1] in options}
            self._parts = [part for part in self._parts if part not in labels]
            self._parts.append(("field", f"( {' / '.join(choices)} )"))
        self._radios = {}
        parts, self._parts = self._parts, []
        texts = [text for kind, text in parts if kind != "label" and text.strip(" \t\r\n:：")]
        if not texts:
            return
        label = next((text for kind, text in parts if kind == "label"), "")
        value = " ".join("".join(texts).split())
        whole = " ".join("".join(text for _, text in parts).split())
        # A sentence stands by itself; what is only a value needs its label.
        is_sentence = len(value) > len(label) and re.search(r"[.。]\s*$", value) is not None
        self._lines.add(
            self._section,
            label or self._heading or value,
            {self._language: value if is_sentence else whole},
        )

    def _own_line(self, element: _Element) -> None:
        """Take a line that `to_mrrt` wrote."""
        texts = {
            lang: e.text()
            for e in element.walk()
            for lang in LANGS
            if e.tag == "textarea" and e.get("lang").startswith(lang)
        }
        names = {
            lang: e.text()
            for e in element.walk()
            for lang in LANGS
            if e.tag == "label" and e.get("lang").startswith(lang)
        }
        more: dict[str, Any] = {
            name: element.get(f"data-{name}").split("|")
            for name in ("findings", "organs", "words")
            if element.get(f"data-{name}")
        }
        if "data-required" in element.attributes:
            more["required"] = True
        if element.get("data-sex"):
            more["sex"] = element.get("data-sex")
        path = element.get("data-path")
        self._lines.add(self._section, next(iter(names.values()), ""), texts, path=path, **more)
        if names and self._lines.found:
            self._lines.found[-1]["name"] = names


def _choice(element: _Element) -> str:
    """Return the option that is chosen as it comes, or all of them as a choice."""
    options = [e for e in element.walk() if e.tag == "option"]
    chosen = next((e for e in options if "selected" in e.attributes), None)
    if chosen is not None and chosen.text():
        return chosen.text()
    words = [e.text() for e in options if e.get("value") or "value" not in e.attributes]
    words = [word for word in words if word]
    return f"( {' / '.join(words)} )" if words else BLANK


def _template(
    name: str,
    title: str,
    lines: _Lines,
    *,
    subject: str,
    procedures: Iterable[str] = (),
    own: dict[str, str] | None = None,
) -> ReportTemplate:
    """Return what was read as a template. ReportError `template_without_lines`,
    `report_template_invalid`."""
    if not lines.found:
        raise ReportError("template_without_lines")
    own = own or {}
    titles = {
        lang: own[f"dcterms.title.{lang}"] for lang in LANGS if f"dcterms.title.{lang}" in own
    }
    fields: dict[str, Any] = {
        "id": _id(name),
        "name": titles or {_language(title): title[:120] or "?"},
        "modalities": _listed(own, "modalities") or _modalities(subject),
        "body_parts": _listed(own, "body-parts") or _body_parts(subject),
        "procedures": [code[:64] for code in procedures] or _listed(own, "procedures"),
        "lines": lines.found[:100],
    }
    if "radraft:sex" in own:
        fields["sex"] = own["radraft:sex"]
    for key, meta in (("min_age", "radraft:min-age"), ("max_age", "radraft:max-age")):
        if meta in own:
            fields[key] = _number(own[meta])
    if "radraft:version" in own and own["radraft:version"].isdecimal():
        fields["version"] = int(own["radraft:version"][:7])
    return template_from_yaml(yaml.safe_dump(fields, allow_unicode=True))


def _number(text: str) -> float | str:
    return float(text) if re.fullmatch(r"\d{1,3}(?:\.\d+)?", text) else text


def _listed(own: dict[str, str], name: str) -> list[str]:
    return [item for item in own.get(f"radraft:{name}", "").split("|") if item]


def _id(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:64].strip("_")
    return slug or "t" + hashlib.sha256(name.encode("utf-8")).hexdigest()[:12]


def _modalities(subject: str) -> list[str]:
    return next((list(codes) for codes, words in _MODALITIES if words.search(subject)), [])


def _body_parts(subject: str) -> list[str]:
    subject = subject.replace("_", " ")
    return next(([part] for part, words in _BODY_PARTS if words.search(subject)), [])


def to_mrrt(template: ReportTemplate) -> str:
    """Return the template as an MRRT file, both languages side by side; `read_template` reads it
    back as it was."""
    metas: list[tuple[str, str, str]] = [
        ("dcterms.identifier", template.id, ""),
        ("dcterms.type", "IMAGE_REPORT_TEMPLATE", ""),
        ("dcterms.language", template.langs[0], ""),
        ("radraft:version", str(template.version), ""),
    ]
    for lang in LANGS:
        title = template.name.zh if lang == "zh" else template.name.en
        if title:
            metas.append(("dcterms.title", title, lang))
    for name, values in (
        ("modalities", template.modalities),
        ("body-parts", template.body_parts),
        ("procedures", template.procedures),
    ):
        if values:
            metas.append((f"radraft:{name}", "|".join(values), ""))
    limits = (("sex", template.sex), ("min-age", template.min_age), ("max-age", template.max_age))
    metas += [
        (f"radraft:{name}", str(value), "") for name, value in limits if value not in ("", None)
    ]
    head = "\n".join(
        f'<meta name="{name}" content="{escape(content)}"{_lang(lang)} />'
        for name, content, lang in metas
    )
    sections = "\n".join(
        _section_markup(section, title, [ln for ln in template.lines if ln.section is section])
        for section, title in ((Section.FINDINGS, "Findings"), (Section.IMPRESSION, "Impression"))
    )
    title = escape(template.name.text(template.langs[0]))
    return (
        f"<!DOCTYPE html>\n<html{_lang(template.langs[0])}>\n<head>\n"
        f'<meta charset="UTF-8" />\n<title>{title}</title>\n{head}\n</head>\n'
        f"<body>\n{sections}\n</body>\n</html>\n"
    )


def _section_markup(section: Section, title: str, lines: Sequence[TemplateLine]) -> str:
    if not lines:
        return ""
    rows = "\n".join(map(_line_markup, lines))
    return (
        f'<section id="{section.value}" class="level1" data-section-name="{title}">\n'
        f'<header class="level1">{title}</header>\n{rows}\n</section>'
    )


def _line_markup(line: TemplateLine) -> str:
    more = "".join(
        f' data-{name}="{escape("|".join(values))}"'
        for name, values in (
            ("findings", line.findings),
            ("organs", line.organs),
            ("words", line.words),
        )
        if values
    )
    more += " data-required" if line.required else ""
    more += f' data-sex="{line.sex}"' if line.sex else ""
    fields = []
    for lang in LANGS:
        name = line.name.zh if lang == "zh" else line.name.en
        key = f"{line.path}.{lang}"
        if name:
            fields.append(f'<label for="{key}"{_lang(lang)}>{escape(name)}</label>')
        if line.text(lang):
            required = " required" if line.required else ""
            fields.append(
                f'<textarea id="{key}" name="{key}" data-field-type="TEXTAREA"{_lang(lang)}'
                f"{required}>{escape(line.text(lang), quote=False)}</textarea>"
            )
    return f'<p data-path="{line.path}"{more}>{"".join(fields)}</p>'


def _lang(lang: str) -> str:
    if not lang:
        return ""
    return ' lang="zh-CN"' if lang == "zh" else f' lang="{lang}"'
