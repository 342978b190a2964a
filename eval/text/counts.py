"""Counts all text metrics need of one chunk of pairs, and counting of chunks in processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

from radraft.eval.text import bleu, chrf, rouge, tokens
from radraft.eval.text.meteor import tables
from radraft.eval.text.meteor.score import Meteor
from radraft.eval.text.ngrams import Docs, number
from radraft.eval.values import FloatArray
from radraft.reports.values import Lang

Tokenizer = Callable[[str], list[str]]


@dataclass(frozen=True)
class Job:
    """One chunk of pairs."""

    lang: Lang
    refs: tuple[str, ...]
    hyps: tuple[str, ...]
    meteor: Path | None
    """Folder of METEOR's tables; None where METEOR is not asked for."""
    cache: Path


@dataclass(frozen=True)
class Counted:
    """Sufficient statistics of one chunk."""

    pairs: int
    stats: dict[str, FloatArray]
    docs: dict[str, tuple[list[str], Docs, Docs]]
    """By name suffix: vocabulary, references and hypotheses as places in it."""


def count_all(jobs: Iterable[Job], workers: int) -> Iterator[Counted]:
    """Counts of each job, in order; at most two jobs a worker are in memory."""
    if workers <= 1:
        yield from map(count, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Counted]] = deque()
        for job in jobs:
            waiting.append(pool.submit(count, job))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def count(job: Job) -> Counted:
    """Everything that is counted of a chunk's texts."""
    units: dict[str, Tokenizer] = {"": tokens.english}
    if job.lang == "zh":
        units = {"_char": tokens.chinese_characters, "_word": tokens.chinese_words}
    docs = {suffix: _numbered(job, cut) for suffix, cut in units.items()}
    stats = {
        f"tokens{suffix}": rouge.statistics(refs, hyps) for suffix, (_, refs, hyps) in docs.items()
    }
    if job.meteor:
        words, refs, hyps = docs[""]
        stats["meteor"] = _meteor(job.meteor, job.cache).statistics(refs, hyps, words)
    stats["sacre"] = _sacre(job)
    if job.lang == "en":
        stats["r2gen"] = _bleu(job, tokens.r2gen)
    stats["raw"] = _bleu(job, partial(tokens.raw, lang=job.lang))
    stats["chrf"] = chrf.chrf_statistics(job.refs, job.hyps)
    stats["edit"] = chrf.edit_statistics(job.refs, job.hyps)
    return Counted(len(job.refs), stats, docs)


def _numbered(job: Job, cut: Tokenizer) -> tuple[list[str], Docs, Docs]:
    vocabulary: dict[str, int] = {}
    refs = number([cut(text) for text in job.refs], vocabulary)
    hyps = number([cut(text) for text in job.hyps], vocabulary)
    return list(vocabulary), refs, hyps


def _bleu(job: Job, cut: Tokenizer) -> FloatArray:
    _, refs, hyps = _numbered(job, cut)
    return bleu.statistics(refs, hyps)


def _sacre(job: Job) -> FloatArray:
    vocabulary: dict[str, int] = {}
    refs = number(tokens.sacre(job.refs, job.lang), vocabulary)
    return bleu.statistics(refs, number(tokens.sacre(job.hyps, job.lang), vocabulary))


@lru_cache(maxsize=1)
def _meteor(folder: Path, cache: Path) -> Meteor:
    return Meteor(tables.load(folder, cache))
