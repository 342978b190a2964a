"""Sentences that follow: what is written in one language is offered in the other, by a machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radraft.core.errors import RadraftError
from radraft.llm import translate
from radraft.llm.profiles import Task
from radraft.reports.checks.examination import region_of
from radraft.reports.following import (
    FollowedText,
    FollowSource,
    Pairs,
    agree,
    composed_text,
    pair_key,
    paired_text,
)
from radraft.reports.offered import OfferedText
from radraft.reports.site_languages import other_language
from radraft.reports.template_fields import text_fields
from radraft.reports.values import LANGS, Lang, Origin
from radraft.store import cases, language_rules, offered, sentence_pairs, templates

if TYPE_CHECKING:
    from radraft.llm.profiles import Profile
    from radraft.llm.server import Endpoint
    from radraft.reports.findings.vocabulary import Region
    from radraft.reports.report_templates import ReportTemplate
    from radraft.store.database import Store

log = logging.getLogger("radraft.pipeline.following")

MODEL_S = 1.8
"""Seconds that a model has for all sentences of a request: whoever writes has what follows, or that
nothing does, 3 seconds after he paused."""


@dataclass(frozen=True)
class WrittenSentence:
    """A sentence as somebody wrote it, to be said in the other language."""

    sentence_id: str
    lang: Lang
    text: str = field(repr=False)


class Follower:
    """What follows what is written in the reports of one store. Thread-safe."""

    def __init__(self, store: Store, profile: Profile, *, model_s: float = MODEL_S) -> None:
        """`model_s`: seconds that the model has for all sentences of one request."""
        self._store = store
        self._profile = profile
        self._model_s = model_s

    def follow(
        self, case_id: str, written: Sequence[WrittenSentence], endpoint: Endpoint | None
    ) -> dict[str, FollowedText]:
        """Return what follows of `written`, by sentence; a sentence that nothing is known to follow
        of is not there. What is returned is kept as offered (`reports.offered`).

        Nothing follows at a site of one language. NotFound `case_not_found`.
        """
        with self._store.read() as session:
            case = cases.get_case(session, case_id)
            if not language_rules.of_site(session, case.site).rule.both:
                return {}
            texts = [(sentence.lang, sentence.text) for sentence in written]
            pairs = sentence_pairs.known(session, case.site, texts)
            lines = template_pairs(templates.enabled(session, case.site))
        region = region_of(case.body_part)
        found = self._by_model(written, endpoint, region)
        for sentence in written:
            if sentence.sentence_id not in found:
                followed = _by_rules(sentence, pairs, lines, region)
                if followed is not None:
                    found[sentence.sentence_id] = followed
        self._keep(case_id, found)
        return found

    def _by_model(
        self, written: Sequence[WrittenSentence], endpoint: Endpoint | None, region: Region | None
    ) -> dict[str, FollowedText]:
        """Return what the model translated in time and the checks of languages pass."""
        if endpoint is None or Task.TRANSLATE not in self._profile.tasks:
            return {}
        until = time.monotonic() + self._model_s
        found: dict[str, FollowedText] = {}
        for sentence in written:
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                text = translate.translated(
                    sentence.text, sentence.lang, endpoint=endpoint, limit_s=left
                )
            except RadraftError as error:
                # What follows is never worth waiting for: the rules go on without the model.
                log.info("no translation by the model: %s", error.code)
                break
            if agree(sentence.text, sentence.lang, text, region):
                other = other_language(sentence.lang)
                found[sentence.sentence_id] = FollowedText(other, text, FollowSource.MODEL)
        return found

    def _keep(self, case_id: str, found: Mapping[str, FollowedText]) -> None:
        if not found:
            return
        texts = [
            OfferedText(
                case_id=case_id,
                sentence_id=sentence_id,
                lang=followed.lang,
                text=followed.text,
                origin=Origin.TRANSLATION,
                source=f"follow:{followed.source.value}",
            )
            for sentence_id, followed in found.items()
        ]
        with self._store.begin() as session:
            offered.add(session, texts, datetime.now(UTC))


def template_pairs(enabled: Iterable[ReportTemplate]) -> Pairs:
    """Return the lines of templates in the other language: those without a choice or a blank, which
    a person has to fill in first."""
    return {
        (lang, pair_key(line.text(lang))): line.text(other_language(lang))
        for template in enabled
        for line in template.lines
        if line.zh and line.en and not (text_fields(line.zh) or text_fields(line.en))
        for lang in LANGS
    }


def _by_rules(
    sentence: WrittenSentence, pairs: Pairs, lines: Pairs, region: Region | None
) -> FollowedText | None:
    text, lang = sentence.text, sentence.lang
    return (
        paired_text(text, lang, pairs, FollowSource.PAIR)
        or paired_text(text, lang, lines, FollowSource.TEMPLATE)
        or composed_text(text, lang, region)
    )
