"""Which sentences of a report are shown beside a question that none of them answers."""

from __future__ import annotations

from collections.abc import Sequence

from radraft.llm.asking.features import names_of
from radraft.llm.asking.questions import vocabulary
from radraft.llm.asking.values import SourceSentence
from radraft.llm.sentences import Array
from radraft.reports.findings.concepts import Kind, Vocabulary

NEAREST = 3
"""Most sentences shown where none answers."""
_SUBJECTS = (Kind.FINDING, Kind.DEVICE, Kind.TOPIC, Kind.ANATOMY)


def nearest(
    question: str, sentences: Sequence[SourceSentence], scores: Array
) -> tuple[SourceSentence, ...]:
    """Return the sentences that lie nearest to `question`, for where none answers it: those that
    speak of most of what it names; where none names any of it, by `scores` ((n,), higher is
    nearer)."""
    known = vocabulary()
    named = known.of_kind(known.question(question).names, *_SUBJECTS)
    names = [names_of(sentence) for sentence in sentences]
    shared = [sum(_speaks_of(name, said, known) for name in named) for said in names]
    if any(shared):
        order = sorted(range(len(sentences)), key=lambda at: -shared[at])
        return tuple(sentences[at] for at in order[:NEAREST] if shared[at])
    order = sorted(range(len(sentences)), key=lambda at: -float(scores[at]))
    return tuple(sentences[at] for at in order[:NEAREST])


def _speaks_of(subject: str, names: frozenset[str], known: Vocabulary) -> bool:
    """Return whether a sentence names the subject, one of its kinds, or what it is a kind of."""
    up = known.lineage(subject)
    return any(name in up or subject in known.lineage(name) for name in names)
