"""Texts that radraft offered to a report: a translation, a template's line, a composed impression.

A page that takes one over sends it back in its save. So that it stays a machine's there, and is not
taken for its reader's own, what was offered is kept with the case (`store.offered`): the same words
that come back are the machine's, other words are a person's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from radraft.reports.values import Lang, Origin, Report, TemplateField

MAX_SOURCE = 128


@dataclass(frozen=True)
class OfferedText:
    """One text that was offered to the report of one case."""

    case_id: str
    sentence_id: str | None
    """The sentence it was offered for; None for any of the report."""
    lang: Lang
    text: str = field(repr=False)
    origin: Origin
    """Never a person."""
    source: str
    """What made it: a rule, a model, a template's field; at most `MAX_SOURCE` characters."""
    template_field: TemplateField | None = None
    """Of a template's line: where in the template it stands."""

    def __post_init__(self) -> None:
        """Raise ValueError for a person's text, for none, and for a source that is too long."""
        if self.origin is Origin.PERSON or not self.text:
            raise ValueError("what is offered is a machine's text")
        if not 0 < len(self.source) <= MAX_SOURCE:
            raise ValueError("an offered text needs a short source")


def texts_of(report: Report) -> tuple[str, ...]:
    """Return the texts that stand in `report`, each once."""
    texts = (wording.text for sentence in report.sentences for wording in sentence.wordings)
    return tuple(dict.fromkeys(texts))
