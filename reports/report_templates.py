"""Report templates: for one kind of examination a line per structure, with its normal wording.

A template is data (`templates/*.yaml` come with radraft, a site adds its own) and asserts nothing:
its lines stand in a report as grey text until a person confirms them (`docs/templates.md`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from radraft.core.errors import ReportError
from radraft.core.yaml_files import Strict
from radraft.reports import characters
from radraft.reports.checks.lexicon import WordGroup, lexicon
from radraft.reports.checks.values import StudyFacts
from radraft.reports.codec import MAX_SENTENCES, MAX_TEXT
from radraft.reports.findings.vocabulary import vocabulary
from radraft.reports.values import LANGS, Lang, Origin, Section, Sentence, TemplateField, Wording

MAX_FILE = 500_000
"""Bytes of one template's file."""
MAX_WORDS = 200

_OLDEST = 150.0
_LONGEST_ID = 64


def _visible(text: str) -> str:
    if next(characters.refused(text), None) is not None:
        raise ValueError("a character that cannot be seen")
    return text


_Name = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9][a-z0-9_]{0,63}\z")]
_Path = Annotated[
    str, StringConstraints(pattern=r"\A(?:findings|impression)(?:/[a-z0-9_]{1,40}){1,4}\z")
]
_Term = Annotated[str, StringConstraints(pattern=r"\A[A-Z0-9_ ]{1,16}\z")]
_Word = Annotated[str, StringConstraints(min_length=1, max_length=64), Field()]
_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class DisplayName(Strict):
    """A name in both languages; one of them may be empty."""

    zh: Annotated[str, StringConstraints(max_length=120)] = ""
    en: Annotated[str, StringConstraints(max_length=120)] = ""

    @model_validator(mode="after")
    def _given(self) -> Self:
        if not (self.zh.strip() or self.en.strip()):
            raise ValueError("a name in zh or en")
        _visible(self.zh + self.en)
        return self

    def text(self, lang: Lang) -> str:
        """Return the name in `lang`, or in the other language where it has none."""
        names = (self.zh, self.en) if lang == "zh" else (self.en, self.zh)
        return names[0] or names[1]


class TemplateLine(Strict):
    """What a template says of one structure where there is nothing to say of it."""

    path: _Path
    """Section and names of the nested fields, outermost first, joined by `/`."""
    name: DisplayName
    zh: _Text = ""
    """Normal wording, one sentence or more; choices and blanks stand in it as hospitals write them
    (`template_fields`). Empty where the template has no Chinese."""
    en: _Text = ""
    required: bool = False
    """Whether a report needs this line, or another statement in its place."""
    sex: Literal["", "M", "F"] = ""
    """Whose examination has the line; empty: everybody's."""
    findings: tuple[str, ...] = ()
    """Finding codes (`findings/codes.yaml`) that are stated of its structure; what they imply is
    among them."""
    organs: tuple[str, ...] = ()
    """Organs (`checks/languages.yaml`) that it is about."""
    words: Annotated[tuple[_Word, ...], Field(max_length=MAX_WORDS)] = ()
    """Other words that name its structure, in either language."""

    @field_validator("zh", "en")
    @classmethod
    def _one_line(cls, text: str) -> str:
        text = " ".join(text.split())
        return _visible(text)

    @field_validator("findings")
    @classmethod
    def _known_findings(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(codes) - set(vocabulary())):
            raise ValueError(f"no such finding: {', '.join(unknown)}")
        return codes

    @field_validator("organs")
    @classmethod
    def _known_organs(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = lexicon().concepts
        unknown = sorted(
            name for name in names if name not in known or known[name].group is not WordGroup.ORGAN
        )
        if unknown:
            raise ValueError(f"no such organ: {', '.join(unknown)}")
        return names

    @model_validator(mode="after")
    def _worded(self) -> Self:
        if not (self.zh or self.en):
            raise ValueError("a wording in zh or en")
        return self

    @property
    def section(self) -> Section:
        """The section that it stands in."""
        return Section(self.path.partition("/")[0])

    def text(self, lang: Lang) -> str:
        """Return the normal wording in `lang`; empty where there is none."""
        return self.zh if lang == "zh" else self.en


class ReportTemplate(Strict):
    """What a normal report of one kind of examination says, a line per structure."""

    id: _Name
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    name: DisplayName
    modalities: Annotated[tuple[_Term, ...], Field(max_length=16)] = ()
    """DICOM's codes; empty: any."""
    body_parts: Annotated[tuple[_Term, ...], Field(max_length=32)] = ()
    """DICOM's terms, upper case; empty: any."""
    sex: Literal["", "M", "F"] = ""
    min_age: Annotated[float, Field(ge=0, le=_OLDEST)] | None = None
    """Years, at least; None: no limit."""
    max_age: Annotated[float, Field(ge=0, le=_OLDEST)] | None = None
    """Years, below."""
    procedures: Annotated[
        tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=64)
    ] = ()
    """Procedure codes of the order; empty: any."""
    lines: Annotated[tuple[TemplateLine, ...], Field(min_length=1, max_length=MAX_SENTENCES)]

    @model_validator(mode="after")
    def _paths_once(self) -> Self:
        paths = [line.path for line in self.lines]
        if repeated := sorted({path for path in paths if paths.count(path) > 1}):
            raise ValueError(f"twice: {', '.join(repeated)}")
        if self.min_age is not None and self.max_age is not None and self.min_age >= self.max_age:
            raise ValueError("min_age is below max_age")
        return self

    @cached_property
    def content_sha(self) -> str:
        """Canonical SHA-256 of everything in it."""
        fields = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(fields.encode("utf-8")).hexdigest()

    @property
    def langs(self) -> tuple[Lang, ...]:
        """The languages that it has a wording in."""
        return tuple(lang for lang in LANGS if any(line.text(lang) for line in self.lines))

    def lines_for(self, sex: str) -> tuple[TemplateLine, ...]:
        """Return its lines for a patient of that sex (M, F or empty), in their order. A line of one
        sex is for nobody of whom the sex is not known."""
        return tuple(line for line in self.lines if line.sex in ("", sex))

    def fits(self, study: StudyFacts, procedure: str = "") -> bool:
        """Return whether it is for such an examination; what it limits has to be known of it."""
        return (
            _among(study.modality.upper(), self.modalities)
            and _among(study.body_part.upper(), self.body_parts)
            and _among(procedure, self.procedures)
            and self.sex in ("", study.sex)
            and _aged(study.age_years, self.min_age, self.max_age)
        )

    @property
    def limits(self) -> tuple[bool, bool, bool, bool, bool]:
        """What it limits, what tells examinations apart most first."""
        aged = self.min_age is not None or self.max_age is not None
        limited = (self.procedures, aged, self.sex, self.body_parts, self.modalities)
        procedures, age, sex, body_parts, modalities = map(bool, limited)
        return procedures, age, sex, body_parts, modalities


def fitting(
    study: StudyFacts, templates: Iterable[ReportTemplate], *, procedure: str = ""
) -> tuple[ReportTemplate, ...]:
    """Return the templates for an examination, the most specific first; of equals the one that
    stands first in `templates` (a site's own before those that come with radraft)."""
    found = [template for template in templates if template.fits(study, procedure)]
    return tuple(sorted(found, key=lambda template: [not limit for limit in template.limits]))


def line_id(path: str) -> str:
    """Return the id of a template line's sentence in a report: the same for one path in every
    template, so that a report never holds a line twice."""
    plain = f"t-{path.replace('/', '.')}"
    if len(plain) <= _LONGEST_ID:
        return plain
    return f"t-{hashlib.sha256(path.encode('utf-8')).hexdigest()[:32]}"


def template_sentence(
    template: ReportTemplate, line: TemplateLine, langs: Iterable[Lang] = LANGS
) -> Sentence:
    """Return a line as a sentence that nobody asserted, in those of `langs` that it has; without
    wordings where it has none of them."""
    wanted = set(langs)
    return Sentence(
        line_id(line.path),
        tuple(
            Wording(lang, line.text(lang), Origin.TEMPLATE)
            for lang in LANGS
            if lang in wanted and line.text(lang)
        ),
        template_field=TemplateField(template.id, line.path),
    )


@cache
def ready_templates() -> tuple[ReportTemplate, ...]:
    """Return the templates that come with radraft, by id."""
    folder = files("radraft.reports").joinpath("templates")
    found = (item for item in folder.iterdir() if item.name.endswith(".yaml"))
    templates = (ReportTemplate.from_yaml(item.read_text(encoding="utf-8")) for item in found)
    return tuple(sorted(templates, key=lambda template: template.id))


def template_from_yaml(text: str) -> ReportTemplate:
    """Return the template that `text` holds.

    ReportError `template_too_large`, `report_template_invalid` with the fields to correct.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_FILE:
        raise ReportError("template_too_large", most=MAX_FILE // 1000)
    try:
        return ReportTemplate.from_yaml(text)
    except ValidationError as error:
        raise ReportError("report_template_invalid", fields=_places(error)) from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        raise ReportError("report_template_invalid", fields="file") from None


def template_from_json(text: str) -> ReportTemplate:
    """Return a template as it was stored (`template_to_json`); errors as `template_from_yaml`."""
    try:
        return ReportTemplate.model_validate_json(text)
    except ValidationError as error:
        raise ReportError("report_template_invalid", fields=_places(error)) from None


def template_to_json(template: ReportTemplate) -> str:
    """Return the template as it is stored."""
    return json.dumps(template.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)


def template_to_yaml(template: ReportTemplate) -> str:
    """Return the file of a template, without what is as it is by itself; `template_from_yaml` reads
    it."""
    fields = template.model_dump(mode="json", exclude_defaults=True)
    fields = {"id": template.id, "version": template.version, **fields}
    text: str = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=120)
    return text


def _among(value: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or value in allowed


def _aged(age: float | None, least: float | None, below: float | None) -> bool:
    if least is None and below is None:
        return True
    if age is None:
        return False
    return (least is None or age >= least) and (below is None or age < below)


def _places(error: ValidationError) -> str:
    """Return where the file is wrong, in names of the schema alone."""
    known = {*ReportTemplate.model_fields, *TemplateLine.model_fields, *DisplayName.model_fields}
    places = set()
    for item in error.errors(include_input=False, include_url=False):
        names = [str(step) for step in item["loc"] if isinstance(step, int) or step in known]
        places.add(".".join(names) or "file")
    # A list of which a part is wrong counts as too short too.
    inner = {
        place for place in places if not any(other.startswith(f"{place}.") for other in places)
    }
    return ", ".join(sorted(inner)[:5])
