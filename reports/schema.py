"""What every earlier schema of stored reports, drafts and signed versions reads as today.

A stored form is never written again: it is migrated each time it is read, as plain JSON values,
before any class sees it. A change of a stored form is a new number here, a function that makes the
form before it into the new one, and a fixture of the version before (`tests/fixtures`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from radraft.core.errors import ReportError
from radraft.reports.people import PersonKind
from radraft.reports.values import LANGS

SCHEMA = 3
"""The schema that is written today, as `"schema"` beside a stored form's own fields.

1: no number. A sentence has two texts and one origin, a signature bears names; the first of these
   forms have no `kept` and no `least_support`.
2: a sentence has a wording of each language it is written in, with its own origin and confirmation;
   people are told from typed names; a signature says which languages it confirms.
3: a signed version says how it was signed and why it was amended.
"""

Fields = dict[str, Any]


def report(fields: Fields) -> Fields:
    """Return the fields of a stored `Report` as they are today."""
    return _report(fields) if _schema(fields) == 1 else fields


def draft(fields: Fields) -> Fields:
    """Return the fields of a stored `Draft` as they are today."""
    if _schema(fields) == 1:
        before: Fields = {"least_support": None, "error_details": {}}
        fields = before | fields | {"report": _report(fields["report"])}
    return fields


def signed(fields: Fields) -> Fields:
    """Return the fields of a stored `SignedReport` as they are today.

    Before there was a choice, the page showed a report in both languages side by side: whoever
    signed it confirmed both.
    """
    schema = _schema(fields)
    if schema == 1:
        author = _typed(fields["author"])
        reviewer = fields["reviewer"]
        fields = fields | {
            "report": _report(fields["report"]),
            "author": author,
            "reviewer": None if reviewer is None else _typed(reviewer),
            "confirmed": [{"lang": lang, "by": author} for lang in LANGS],
        }
    return fields if schema >= 3 else fields | {"signing": None, "amendment": None}


def signers(fields: Fields) -> tuple[Fields, Fields | None]:
    """Return author and reviewer of a stored `SignedReport` as they are today."""
    author, reviewer = fields["author"], fields["reviewer"]
    if _schema(fields) > 1:
        return author, reviewer
    return _typed(author), None if reviewer is None else _typed(reviewer)


Migration = Callable[[Fields], Fields]


def _schema(fields: Fields) -> int:
    """Take the number out of `fields`. ReportError `stored_schema_unknown`."""
    schema = fields.pop("schema", 1)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise ReportError("stored_schema_unknown", schema=str(schema)[:16], known=SCHEMA)
    return schema


def _report(fields: Fields) -> Fields:
    sections = ("findings", "impression")
    return fields | {name: [_sentence(sentence) for sentence in fields[name]] for name in sections}


def _sentence(fields: Fields) -> Fields:
    texts = {lang: fields[lang] for lang in LANGS}
    wordings = [
        {"lang": lang, "text": text, "origin": fields["origin"], "confirmed": None}
        for lang, text in texts.items()
        if text
    ]
    rest = {name: value for name, value in fields.items() if name not in (*LANGS, "origin")}
    return {"kept": False, "template_field": None} | rest | {"wordings": wordings}


def _typed(name: str) -> Fields:
    return {"kind": PersonKind.TYPED.value, "name": name, "id": None}
