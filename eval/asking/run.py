"""A question set put to an engine: every question asked, every answer judged and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from radraft.eval.asking.score import JudgedReply, judge
from radraft.eval.asking.values import Engine, Question, QuestionSet


@dataclass(frozen=True)
class TimedReply:
    """A judged reply and how long it took."""

    judged: JudgedReply
    seconds: float
    cpu_seconds: float
    """Processor time of the asking thread: the same on a busy machine."""


def ask_all(
    asked: QuestionSet,
    engine: Engine,
    progress: Callable[[int, int], None] | None = None,
    *,
    opened: bool = False,
) -> list[TimedReply]:
    """Ask every question of the set; those of a chain one after the other, each with the questions
    before it and the answers as they came. `progress`: (done, of). `opened`: each report is opened
    before, and no answer's time holds that."""
    for report in asked.reports.values() if opened else ():
        engine.open(report)
    talks: dict[str, list[tuple[str, str]]] = {}
    replies: list[TimedReply] = []
    for question in in_order(asked.questions):
        history = talks.setdefault(question.chain, []) if question.chain else []
        report = asked.reports[question.report]
        priors = [asked.reports[prior] for prior in report.priors]
        began, cpu_began = time.perf_counter(), time.thread_time()
        reply = engine.answer(question.text, report, priors, tuple(history))
        seconds, cpu = time.perf_counter() - began, time.thread_time() - cpu_began
        history.append((question.text, reply.text))
        replies.append(TimedReply(judge(question, reply, asked), seconds, cpu))
        if progress is not None:
            progress(len(replies), len(asked.questions))
    return replies


def in_order(questions: tuple[Question, ...]) -> Iterator[Question]:
    """The questions in the set's order, a chain's where its first stands and by their turns."""
    first: dict[str, int] = {}
    for place, question in enumerate(questions):
        first.setdefault(question.chain or question.id, place)
    return iter(sorted(questions, key=lambda one: (first[one.chain or one.id], one.turn or 0)))
