"""Which sentences of a report lie nearest to a question that none of them answers."""

from __future__ import annotations

from radraft.llm.sentences import SentenceEncoder
from radraft.reports.findings.concepts import Kind, Vocabulary
from radraft.reports.values import Report, Sentence

NEAREST = 3
"""Most sentences shown where none answers."""
_SUBJECTS = (Kind.FINDING, Kind.DEVICE, Kind.TOPIC, Kind.ANATOMY)


def nearest(
    question: str, report: Report, *, vocabulary: Vocabulary, sentences: SentenceEncoder
) -> tuple[Sentence, ...]:
    """Return the sentences of `report` that lie nearest to `question`, for where none answers it.

    Those that speak of most of what it names; only where none names any of it by embedding, which
    takes a hundred times as long.
    """
    held = (*report.findings, *report.impression)
    if not held:
        return ()
    named = vocabulary.of_kind(vocabulary.question(question).names, *_SUBJECTS)
    names = [vocabulary.sentence(sentence.zh, sentence.en).names for sentence in held]
    shared = [sum(_speaks_of(name, said, vocabulary) for name in named) for said in names]
    order = sorted(range(len(held)), key=lambda index: -shared[index])
    if any(shared):
        return tuple(held[index] for index in order[:NEAREST] if shared[index])
    passages = sentences.passages([f"{one.zh} {one.en}" for one in held])
    scores = passages @ sentences.queries([question])[0]
    order = sorted(range(len(held)), key=lambda index: -float(scores[index]))
    return tuple(held[index] for index in order[:NEAREST])


def _speaks_of(subject: str, names: frozenset[str], vocabulary: Vocabulary) -> bool:
    """Return whether a sentence names the subject, one of its kinds, or what it is a kind of."""
    up = vocabulary.lineage(subject)
    return any(name in up or subject in vocabulary.lineage(name) for name in names)
