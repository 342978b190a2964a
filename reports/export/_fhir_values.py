"""FHIR R4's data types (hl7.org/fhir/R4/datatypes.html) as JSON-ready values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from radraft.reports.export.terminology import Coding
from radraft.reports.export.values import Institution
from radraft.reports.site_languages import other_language
from radraft.reports.values import LANGS, Lang, Sentence

Json = dict[str, Any]

_NAMESPACE = UUID("0b3f7f0a-52a8-5f1c-9d6e-3e0c4a1b7d25")
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
LANGUAGE = "http://hl7.org/fhir/StructureDefinition/language"
IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"


def uuid_of(*parts: str) -> str:
    """Return the UUID that stands for `parts`, always the same."""
    return str(uuid5(_NAMESPACE, "\n".join(parts)))


def numbering(institution: Institution) -> str:
    """Return the identifier system of an institution's own numbers: its OID, else a UUID of its
    site."""
    if institution.oid:
        return f"urn:oid:{institution.oid}"
    return f"urn:uuid:{uuid_of('site', institution.site)}"


def own_numbering(institution: Institution, things: str) -> str:
    """Return the identifier system of what radraft numbers at a site: reports, people, models."""
    return f"urn:uuid:{uuid_of('radraft', institution.site, things)}"


def identifier(system: str, value: str, kind: str = "") -> Json:
    """Return an Identifier, of a type of HL7's table 0203 where one is given."""
    typed = {"type": {"coding": [{"system": IDENTIFIER_TYPES, "code": kind}]}} if kind else {}
    return {**typed, "system": system, "value": value}


def search(resource_type: str, found_by: Json) -> str:
    """Return the search for the resource of that type with an identifier."""
    return f"{resource_type}?{search_query(found_by)}"


def search_query(found_by: Json) -> str:
    """Return a search by identifier, its value escaped as R4 3.1.1.4.7 says."""
    value = found_by["value"]
    for character in "\\$,|":
        value = value.replace(character, f"\\{character}")
    return f"identifier={quote(found_by['system'], safe=':')}|{quote(value, safe='')}"


def full_url(*parts: str) -> str:
    """Return what names a resource within the bundle."""
    return f"urn:uuid:{uuid_of(*parts)}"


def reference(url: str, display: str = "") -> Json:
    """Return a Reference to a resource of the bundle."""
    return {"reference": url, **({"display": display} if display else {})}


def coding(code: Coding) -> Json:
    """Return a Coding with its English name, and the Chinese one as its translation."""
    return {
        "system": code.system.url,
        "code": code.code,
        "display": code.en,
        "_display": {"extension": [translation("zh", code.zh)]},
    }


def concept(codes: Iterable[Coding], lang: Lang) -> Json:
    """Return a CodeableConcept; its text is the last code's name in `lang`."""
    given = tuple(codes)
    return {"coding": [coding(code) for code in given], "text": given[-1].name(lang)}


def translation(lang: Lang, text: str) -> Json:
    """Return the extension that holds a string in another language."""
    return {
        "url": TRANSLATION,
        "extension": [
            {"url": "lang", "valueCode": lang},
            {"url": "content", "valueString": text},
        ],
    }


def texts_of(sentences: Sequence[Sentence], languages: Sequence[Lang]) -> dict[Lang, str]:
    """Return the text of `sentences`, one a line, in each of the report's `languages` that any of
    them has, as `lines`."""
    spoken = {lang for lang in LANGS if any(sentence.text(lang).strip() for sentence in sentences)}
    return {lang: "\n".join(lines(sentences, lang)) for lang in languages if lang in spoken}


def lines(sentences: Sequence[Sentence], lang: Lang) -> list[str]:
    """Return the text of each of `sentences` in `lang`, else in its other language: whoever reads
    one language of a report alone misses no sentence of it."""
    texts = (sentence.text(lang) or sentence.text(other_language(lang)) for sentence in sentences)
    return [text for text in texts if text.strip()]


def string(name: str, texts: dict[Lang, str], resource_lang: Lang) -> Json:
    """Return the element `name` with a text in one language and its translation in the other;
    nothing where there is no text. A first text in another language than the resource's says so."""
    if not texts:
        return {}
    (lang, text), *others = texts.items()
    extensions = [translation(*other) for other in others]
    if lang != resource_lang:
        extensions.insert(0, {"url": LANGUAGE, "valueCode": lang})
    return {name: text, **({f"_{name}": {"extension": extensions}} if extensions else {})}


def instant(moment: datetime) -> str:
    """Return a time in UTC to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def date_time(moment: datetime, institution: Institution) -> str:
    """Return the time of a study, read on the institution's clock where it has no zone. Where that
    clock is not known either, its day: R4 has no hour without a zone."""
    if moment.tzinfo is None and institution.time_zone:
        moment = moment.replace(tzinfo=ZoneInfo(institution.time_zone))
    return f"{moment:%Y-%m-%d}" if moment.tzinfo is None else moment.isoformat()
