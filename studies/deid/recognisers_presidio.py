"""The same recognisers for Presidio's engine, for a hospital that runs Presidio elsewhere.

The line does not use it: importing Presidio costs seconds and brings torch with it
(docs/deidentification.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from radraft.studies.deid.recognisers import Recogniser
from radraft.studies.deid.text import recognisers as ours

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer

LANGUAGES = ("zh", "en")
"""Every recogniser reads both: reports mix them within a sentence."""


def analyzer(recognisers: Sequence[Recogniser] | None = None) -> AnalyzerEngine:
    """An engine with these recognisers (ours and the hospital's where none are given) and no
    language model."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    registry = RecognizerRegistry(supported_languages=list(LANGUAGES))
    for one in ours() if recognisers is None else recognisers:
        for language in LANGUAGES:
            registry.add_recognizer(_wrapped(one, language))
    engine = NoOpNlpEngine([{"lang_code": one, "model_name": "none"} for one in LANGUAGES])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=list(LANGUAGES))


def _wrapped(one: Recogniser, language: str) -> EntityRecognizer:
    from presidio_analyzer import EntityRecognizer, RecognizerResult

    class Wrapped(EntityRecognizer):  # type: ignore[misc,unused-ignore]
        def load(self) -> None:
            pass

        def analyze(
            self, text: str, entities: list[str], nlp_artifacts: Any = None
        ) -> list[RecognizerResult]:
            if str(one.kind) not in entities or not one.asked(text):
                return []
            return [RecognizerResult(str(one.kind), *span, one.score) for span in one.find(text)]

    return Wrapped(supported_entities=[str(one.kind)], name=one.name, supported_language=language)
