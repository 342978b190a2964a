"""Phrases: sentences that a few letters stand for, a person's own or his site's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from radraft.core.errors import ReportError
from radraft.core.yaml_files import Strict
from radraft.reports.characters import require_visible
from radraft.reports.checks.values import StudyFacts

MAX_PHRASES = 500
"""Phrases of one person, or of one site."""
MAX_TEXT = 1000

_OLDEST = 150.0
_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT, strip_whitespace=True)]
_Age = Annotated[float, Field(ge=0, le=_OLDEST)]


class Phrase(Strict):
    """What some letters stand for. Its fields are written as a template's (`template_fields`)."""

    letters: Annotated[str, StringConstraints(pattern=r"\A[a-z0-9]{1,16}\z")]
    zh: _Text = ""
    en: _Text = ""
    sex: Literal["", "M", "F"] = ""
    """Whose reports it is offered in; empty: everybody's."""
    min_age: _Age | None = None
    """Years, at least."""
    max_age: _Age | None = None
    """Years, below."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.zh or self.en):
            raise ValueError("a text in zh or en")
        if self.min_age is not None and self.max_age is not None and self.min_age >= self.max_age:
            raise ValueError("min_age is below max_age")
        return self

    def fits(self, study: StudyFacts) -> bool:
        """Return whether it may be offered for such a patient; what it limits has to be known of
        him."""
        age = study.age_years
        if self.sex not in ("", study.sex):
            return False
        if self.min_age is None and self.max_age is None:
            return True
        if age is None:
            return False
        return (self.min_age is None or age >= self.min_age) and (
            self.max_age is None or age < self.max_age
        )


def phrase_from_json(text: str) -> Phrase:
    """Return the phrase that a page sent or the store kept.

    ReportError `phrase_invalid` with the field to correct, `character_refused`.
    """
    try:
        phrase = Phrase.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        known = [str(step) for step in first["loc"] if step in Phrase.model_fields]
        raise ReportError("phrase_invalid", field=".".join(known) or "text") from None
    require_visible(phrase.zh, "zh")
    require_visible(phrase.en, "en")
    return phrase


def offered_phrases(
    own: Iterable[Phrase], of_site: Iterable[Phrase], study: StudyFacts
) -> tuple[Phrase, ...]:
    """Return the phrases for such a patient by their letters; a person's own stands before one of
    his site with the same letters."""
    found = {phrase.letters: phrase for phrase in of_site if phrase.fits(study)}
    found |= {phrase.letters: phrase for phrase in own if phrase.fits(study)}
    return tuple(found[letters] for letters in sorted(found))
