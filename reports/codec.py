"""Reports to and from JSON: strict for what a client sends, exact for what the store keeps.

A report has two forms. What is stored is a value field by field, with the number of its schema
(`reports.schema`). What a page edits (`edit_form`, `sent_from_json`) has both texts of a sentence
side by side. What it says of their origin counts for nothing: `reports.editing` knows who wrote
what. Whether its person stands for a text that he did not write (`confirm`) is his word.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports import characters, schema
from radraft.reports.draft import Draft
from radraft.reports.people import Person
from radraft.reports.values import (
    LANGS,
    Certainty,
    Evidence,
    Lang,
    Laterality,
    Origin,
    Report,
    Sentence,
    SignedReport,
    Wording,
)

MAX_JSON = 2_000_000
"""Bytes of one report's JSON; far above what the bounds below allow in practice."""
MAX_TEXT = 2000
MAX_SENTENCES = 100

_CHARACTER: Final = "character"


@dataclass(frozen=True)
class SentReport:
    """A report as a page sent it."""

    report: Report
    confirmed: Mapping[str, frozenset[Lang]]
    """Of sentences, by their ids, the languages whose text the page's person confirms, all of
    them; a sentence of which the page said nothing is not in it."""


def report_to_json(report: Report) -> str:
    """Return the canonical JSON of `report`, as it is stored."""
    return _to_json(report)


def stored_report(text: str) -> Report:
    """Return a report as it was stored, in any schema; errors as `signed_from_json`."""
    report: Report = _from_json(Report, schema.report, text)
    return report


def draft_to_json(draft: Draft) -> str:
    """Return the canonical JSON of `draft`, as it is stored."""
    return _to_json(draft)


def draft_from_json(text: str) -> Draft:
    """Return a draft as it was stored, in any schema; errors as `signed_from_json`."""
    draft: Draft = _from_json(Draft, schema.draft, text)
    return draft


def signed_to_json(signed: SignedReport) -> str:
    """Return the canonical JSON of `signed`, as it is stored."""
    return _to_json(signed)


def signed_from_json(text: str) -> SignedReport:
    """Return a signed version as it was stored, in any schema since the first.

    ReportError `stored_schema_unknown` for one that a newer version of radraft wrote,
    `stored_form_invalid` for what no version wrote. Whether it is what was signed:
    `reports.sign.verify(text)`.
    """
    signed: SignedReport = _from_json(SignedReport, schema.signed, text)
    signing = signed.signing
    if signing is not None and signing.submitted_at is not None:
        submitted_at = signing.submitted_at.astimezone(UTC)
        signing = dataclasses.replace(signing, submitted_at=submitted_at)
    return dataclasses.replace(signed, signed_at=signed.signed_at.astimezone(UTC), signing=signing)


def signers_from_json(text: str) -> tuple[Person, Person | None]:
    """Return who wrote and who reviewed a signed version as it was stored, in any schema, without
    reading the rest of it; errors as `signed_from_json`."""
    try:
        author, reviewer = schema.signers(json.loads(text))
        read = _adapter(Person).validate_python
        return read(author), None if reviewer is None else read(reviewer)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReportError("stored_form_invalid", kind=SignedReport.__name__) from None


def edit_form(report: Report) -> dict[str, Any]:
    """Return `report` as a page edits it, in plain values; `sent_from_json` reads it."""
    sections = {"findings": report.findings, "impression": report.impression}
    return {
        "case_id": report.case_id,
        **{name: list(map(sentence_form, found)) for name, found in sections.items()},
    }


def sentence_form(sentence: Sentence) -> dict[str, Any]:
    """Return one sentence of `edit_form`: a language that is not written is an empty text.

    `origins` says by language who or what wrote its text, `confirmed` in which languages a person
    stands for a text that he did not write. A page sends the languages that its person confirms as
    `confirm`; without it the sentence stays confirmed as it is.
    """
    fields: dict[str, Any] = canonical.plain(sentence)
    del fields["wordings"], fields["template_field"]
    return fields | {
        "zh": sentence.zh,
        "en": sentence.en,
        "origin": sentence.origin.value,
        "origins": {wording.lang: wording.origin.value for wording in sentence.wordings},
        "confirmed": [wording.lang for wording in sentence.wordings if wording.confirmed],
    }


def report_from_json(text: str | bytes) -> Report:
    """Return the report of `sent_from_json`; errors as there."""
    return sent_from_json(text).report


def sent_from_json(text: str | bytes) -> SentReport:
    """Return a report from untrusted JSON in the form that a page edits.

    Nothing in it is confirmed: `editing.edited` says what becomes of the page's word. Unknown keys,
    wrong types, repeated ids and anything over the bounds are refused: ReportError `report_invalid`
    with the place and kind of the first fault, `character_refused` with the place of a character
    that cannot be seen.
    """
    if len(text) > MAX_JSON:
        raise ReportError("report_invalid", place="report", problem="too_long")
    try:
        model = _Report.model_validate_json(text)
    except ValidationError as error:
        raise _invalid(error) from None
    return SentReport(_checked(model), _confirmed(model))


def validated(report: Report) -> Report:
    """Return `report` if it is within the bounds of `sent_from_json`; errors as there."""
    try:
        text = canonical.dumps(edit_form(report)).encode("utf-8")
    except (TypeError, ValueError):
        # NaN, half a surrogate pair, a value of no known type.
        raise ReportError("report_invalid", place="report", problem="no_json_form") from None
    report_from_json(text)
    return report


def _visible(text: str) -> str:
    first = next(characters.refused(text), None)
    if first is not None:
        raise PydanticCustomError(_CHARACTER, "{character}", {"character": first})
    return text


_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(_visible)]
_Id = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\z")]
_Code = Annotated[str, StringConstraints(max_length=64), AfterValidator(_visible)]
_Languages = Annotated[tuple[Lang, ...], Field(max_length=len(LANGS))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Evidence(_Strict):
    image_id: _Code
    support: float | None


class _Sentence(_Strict):
    id: _Id
    zh: _Text
    en: _Text
    origin: Origin
    finding: _Code | None = None
    anatomy: _Code | None = None
    laterality: Laterality | None = None
    certainty: Certainty | None = None
    evidence: Annotated[tuple[_Evidence, ...], Field(max_length=32)] = ()
    kept: bool = False
    origins: dict[Lang, Origin] = Field(default_factory=dict)
    confirmed: _Languages = ()
    confirm: _Languages | None = None


_Sentences = Annotated[tuple[_Sentence, ...], Field(max_length=MAX_SENTENCES)]


class _Report(_Strict):
    case_id: _Id
    findings: _Sentences
    impression: _Sentences


def _checked(model: _Report) -> Report:
    report = Report(model.case_id, _sentences(model.findings), _sentences(model.impression))
    ids = [sentence.id for sentence in report.sentences]
    if len(set(ids)) != len(ids):
        raise ReportError("report_invalid", place="id", problem="repeated")
    return report


def _confirmed(model: _Report) -> dict[str, frozenset[Lang]]:
    return {
        sentence.id: frozenset(sentence.confirm)
        for sentence in (*model.findings, *model.impression)
        if sentence.confirm is not None
    }


def _wordings(model: _Sentence) -> tuple[Wording, ...]:
    texts: tuple[tuple[Lang, str], ...] = (("zh", model.zh), ("en", model.en))
    return tuple(
        Wording(lang, text, model.origins.get(lang, model.origin)) for lang, text in texts if text
    )


def _sentences(models: tuple[_Sentence, ...]) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(
            id=model.id,
            wordings=_wordings(model),
            finding=model.finding,
            anatomy=model.anatomy,
            laterality=model.laterality,
            certainty=model.certainty,
            evidence=tuple(Evidence(item.image_id, item.support) for item in model.evidence),
            kept=model.kept,
        )
        for model in models
    )


def _invalid(error: ValidationError) -> ReportError:
    first = error.errors(include_input=False, include_url=False)[0]
    # Keys may be the client's own words: only the schema's names and indices go on.
    known = {*_Report.model_fields, *_Sentence.model_fields, *_Evidence.model_fields}
    names = [str(item) for item in first["loc"] if isinstance(item, int) or item in known]
    place = ".".join(names) or "report"
    if first["type"] == _CHARACTER:
        return ReportError("character_refused", place=place, character=first["ctx"]["character"])
    return ReportError("report_invalid", place=place, problem=first["type"])


def _to_json(value: Any) -> str:
    return canonical.dumps({"schema": schema.SCHEMA, **canonical.plain(value)})


def _from_json(kind: Any, migrated: Callable[[schema.Fields], schema.Fields], text: str) -> Any:
    """Return the `kind` that was stored as `text`, in which nothing but its fields may stand."""
    try:
        fields = migrated(json.loads(text))
        value = _adapter(kind).validate_python(fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReportError("stored_form_invalid", kind=kind.__name__) from None
    if not _holds(canonical.plain(value), fields):
        raise ReportError("stored_form_invalid", kind=kind.__name__)
    return value


def _holds(value: Any, stored: Any) -> bool:
    """Return whether nothing that was stored is lost in `value`, which may have defaults beside."""
    if isinstance(stored, dict):
        return all(key in value and _holds(value[key], item) for key, item in stored.items())
    if isinstance(stored, list):
        return len(value) == len(stored) and all(map(_holds, value, stored))
    return bool(value == stored)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def stored(kind: Any, text: str) -> Any:
    """Return a `kind` (another frozen value than those above) as it was stored."""
    return _adapter(kind).validate_json(text)
