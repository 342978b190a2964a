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
    """Return an engine with these recognisers (ours and the hospital's where none are given) and no
    language model."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    registry = RecognizerRegistry(supported_languages=list(LANGUAGES))
    for recogniser in ours() if recognisers is None else recognisers:
        for language in LANGUAGES:
            registry.add_recognizer(_wrapped(recogniser, language))
    engine = NoOpNlpEngine(
        [{"lang_code": language, "model_name": "none"} for language in LANGUAGES]
    )
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=list(LANGUAGES))


def _wrapped(recogniser: Recogniser, language: str) -> EntityRecognizer:
    from presidio_analyzer import EntityRecognizer, RecognizerResult

    class Wrapped(EntityRecognizer):  # type: ignore[misc,unused-ignore]
        def load(self) -> None:
            pass

        def analyze(
            self, text: str, entities: list[str], nlp_artifacts: Any = None
        ) -> list[RecognizerResult]:
            if str(recogniser.kind) not in entities or not recogniser.asked(text):
                return []
            return [
                RecognizerResult(str(recogniser.kind), *span, recogniser.score)
                for span in recogniser.find(text)
            ]

    return Wrapped(
        supported_entities=[str(recogniser.kind)], name=recogniser.name, supported_language=language
    )
