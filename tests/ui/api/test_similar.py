"""Similar signed cases as the page is told of them."""

from __future__ import annotations

from radraft.pipeline.similar_cases import SimilarCase, SimilarCases, SimilarState
from radraft.prompts.values import Said
from radraft.studies.values import View
from radraft.ui.api.similar import view


def test_the_page_is_told_likeness_and_impression_alone() -> None:
    case = SimilarCase(
        "c-0123456789abcdef", 0.87654, "CR", "CHEST", View.FRONTAL, Said("肺炎。", "Pneumonia.")
    )
    assert view(SimilarCases(SimilarState.READY, (case,))) == {
        "state": "ready",
        "cases": [
            {
                "case_id": "c-0123456789abcdef",
                "likeness": 0.877,
                "modality": "CR",
                "body_part": "CHEST",
                "view": "frontal",
                "zh": "肺炎。",
                "en": "Pneumonia.",
            }
        ],
    }


def test_off_is_told_without_cases() -> None:
    assert view(SimilarCases(SimilarState.OFF)) == {"state": "off", "cases": []}
