"""What of a signed report does not hang on the question: read and encoded before the first is
asked."""

from __future__ import annotations

from radraft.llm.asking.examined import region_of
from radraft.llm.asking.features import names_of
from radraft.llm.asking.quotable import quotable
from radraft.llm.asking.reading import stated
from radraft.llm.asking.similarity import parts
from radraft.llm.asking.values import Source
from radraft.llm.sentences import SentenceEncoder
from radraft.reports.values import LANGS


def prepare(source: Source, encoder: SentenceEncoder | None) -> None:
    """Read what may be quoted of a report and encode it in both languages, so that the first
    question takes no longer than the next. What was read is kept by its words: of a new version
    only what changed is read again. The last 8,192 sentences are kept."""
    region = region_of(source.about)
    for part in quotable(source):
        stated(part, region)
        stated(part)
        names_of(part)
        if encoder is not None:
            # One at a time: a question that is asked meanwhile waits for no more than that.
            for lang in LANGS:
                for text in parts(part.text(lang)):
                    encoder.passages([text])
