"""Reports to and from JSON: strict for what a client sends, exact for what the store keeps.

Every stored form of a report, a draft or a signed version says which `SCHEMA` it was written in, as
`"schema"` beside its own fields. What was written before there was a number is schema 1. A stored
form is never written again: an older one is migrated each time it is read.
"""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from radraft.core import canonical
from radraft.core.errors import ReportError
from radraft.reports.draft import Draft
from radraft.reports.values import (
    Certainty,
    Evidence,
    Laterality,
    Origin,
    Report,
    Sentence,
    SignedReport,
)

SCHEMA = 2
"""The schema that reports, drafts and signed versions are written in today.

1: no number. One origin for both languages; the first of these forms have no `kept` and no
   `least_support`.
2: the number.
"""
MAX_JSON = 2_000_000
"""Bytes of one report's JSON; far above what the bounds below allow in practice."""
MAX_TEXT = 2000
MAX_SENTENCES = 100

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def report_to_json(report: Report) -> str:
    """Canonical JSON of `report`."""
    return canonical.dumps(report)


def report_from_json(text: str | bytes) -> Report:
    """A report from untrusted JSON.

    Unknown keys, wrong types, repeated ids and anything over the bounds are refused: ReportError
    `report_invalid` with the place and kind of the first fault.
    """
    if len(text) > MAX_JSON:
        raise ReportError("report_invalid", place="report", problem="too_long")
    try:
        model = _Report.model_validate_json(text)
    except ValidationError as error:
        raise _invalid(error) from None
    return _checked(model)


def validated(report: Report) -> Report:
    """`report` if it is within the bounds of `report_from_json`; ReportError `report_invalid`."""
    try:
        text = report_to_json(report).encode("utf-8")
    except (TypeError, ValueError):
        # NaN, half a surrogate pair, a value of no known type.
        raise ReportError("report_invalid", place="report", problem="no_json_form") from None
    return report_from_json(text)


def draft_to_json(draft: Draft) -> str:
    """Canonical JSON of `draft`."""
    return canonical.dumps(draft)


def draft_from_json(text: str) -> Draft:
    """A draft as the store kept it."""
    draft: Draft = stored(Draft, text)
    return draft


def signed_to_json(signed: SignedReport) -> str:
    """Return the canonical JSON of `signed`, in which a signature keeps it."""
    return canonical.dumps({"schema": SCHEMA, **canonical.plain(signed)})


def signed_from_json(text: str) -> SignedReport:
    """Return a signed version as the store kept it, in any schema since the first.

    ReportError `stored_schema_unknown` for one that a newer version of radraft wrote. Whether it is
    what was signed: `reports.sign.verify(text)`.
    """
    signed: SignedReport = _adapter(SignedReport).validate_python(_migrated(text))
    return dataclasses.replace(signed, signed_at=signed.signed_at.astimezone(UTC))


def stored_report(text: str) -> Report:
    """A report as the store kept it."""
    report: Report = stored(Report, text)
    return report


def _no_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control character")
    return text


_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(_no_control)]
_Id = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\z")]
_Code = Annotated[str, StringConstraints(max_length=64), AfterValidator(_no_control)]


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


def _sentences(models: tuple[_Sentence, ...]) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(
            id=model.id,
            zh=model.zh,
            en=model.en,
            origin=model.origin,
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
    place = [str(item) for item in first["loc"] if isinstance(item, int) or item in known]
    return ReportError("report_invalid", place=".".join(place) or "report", problem=first["type"])


def _migrated(text: str) -> dict[str, Any]:
    """The fields of a stored form, as today's schema has them."""
    fields: dict[str, Any] = json.loads(text)
    schema = fields.pop("schema", 1)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise ReportError("stored_schema_unknown", schema=str(schema)[:16], known=SCHEMA)
    return fields


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def stored(kind: Any, text: str) -> Any:
    """A `kind` (one of the frozen values) as the store kept it, from its canonical JSON."""
    return _adapter(kind).validate_json(text)
