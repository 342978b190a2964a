"""Laws of the English extractor, and what it says of earlier examinations."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from radraft.reports.findings.english import claims_prior, read
from radraft.reports.findings.extract import extract, status
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import Region, vocabulary
from radraft.reports.values import Certainty, Laterality

_SENTENCES = (
    "There is a small left pleural effusion.",
    "The heart is mildly enlarged.",
    "No focal consolidation, effusion or pneumothorax.",
    "Right upper lobe nodule measuring 8 mm and left base atelectasis.",
    "Bilateral pleural effusions, left greater than right.",
    "Possible right lower lobe pneumonia.",
    "The left pneumothorax has resolved.",
    "Left-sided pacemaker with leads in the right atrium.",
    "Degenerative changes of the thoracic spine.",
    "Left adrenal nodule.",
    "Acute right subdural hematoma.",
    "Stable cardiomegaly without edema.",
    "Lungs are clear.",
    "CT is recommended to exclude malignancy.",
)
_NEGATED = (
    "No pneumothorax.",
    "There is no evidence of pleural effusion, pneumothorax, or focal consolidation.",
    "Lungs are clear without infiltrate.",
    "Negative for fracture.",
    "No intracranial hemorrhage.",
    "Pneumonia is not seen.",
)
_reports = st.lists(st.sampled_from(_SENTENCES), min_size=1, max_size=6)
_SIDES = {"left": "right", "right": "left"}
_MIRROR = {
    Laterality.LEFT: Laterality.RIGHT,
    Laterality.RIGHT: Laterality.LEFT,
    Laterality.BILATERAL: Laterality.BILATERAL,
    None: None,
}


def _mirrored(text: str) -> str:
    def swap(match: re.Match[str]) -> str:
        word = _SIDES[match.group().lower()]
        return word.capitalize() if match.group()[0].isupper() else word

    return re.sub(r"\b(left|right)\b", swap, text, flags=re.IGNORECASE)


def _but_side(mention: Mention) -> tuple[object, ...]:
    return (
        mention.code,
        mention.polarity,
        mention.anatomy,
        mention.change,
        mention.size_mm,
    )


@given(_reports, st.sampled_from(_NEGATED))
def test_a_negated_sentence_adds_no_present_finding(parts: list[str], negated: str) -> None:
    def present(text: str) -> set[str]:
        return {
            mention.code
            for mention in read(text)
            if mention.polarity is not Certainty.ABSENT and mention.code != "no_finding"
        }

    report = " ".join(parts)
    assert present(report + " " + negated) == present(report)
    assert present(negated + " " + report) == present(report)


@given(_reports)
def test_mirroring_the_words_mirrors_the_sides_alone(parts: list[str]) -> None:
    report = " ".join(parts)
    here, there = read(report), read(_mirrored(report))
    assert [_but_side(mention) for mention in here] == [_but_side(mention) for mention in there]
    assert [_MIRROR[mention.laterality] for mention in here] == [
        mention.laterality for mention in there
    ]


@given(_reports, st.randoms(use_true_random=False))
def test_the_order_of_sentences_changes_no_status(parts: list[str], random: object) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert status(read(" ".join(parts))) == status(read(" ".join(shuffled)))


@given(_reports)
def test_spans_hold_words_of_the_text_in_order(parts: list[str]) -> None:
    report = " ".join(parts)
    mentions = read(report)
    for mention in mentions:
        assert 0 <= mention.start < mention.end <= len(report)
        words = report[mention.start : mention.end]
        assert words == words.strip()
        assert words[0].isalnum()
        # Nothing cuts a word in two.
        assert mention.start == 0 or not report[mention.start - 1].isalnum()
        assert mention.end == len(report) or not report[mention.end].isalnum()
    assert [mention.start for mention in mentions] == sorted(mention.start for mention in mentions)


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_is_read(text: str) -> None:
    for mention in extract(text, "en"):
        assert 0 <= mention.start < mention.end <= len(text)
    claims_prior(text)


@given(
    st.lists(
        st.sampled_from(
            [
                *["no", "not", "or", "and", ",", ".", "with", "but", "possible", "excluded", "is"],
                *["effusion", "heart", "enlarged", "left", "nodule", "8", "mm", "clear", "lungs"],
                *["recommended", "ct", "history of", "versus", "?", ":", "INDICATION:", "\n\n"],
            ]
        ),
        max_size=25,
    )
)
@settings(max_examples=300)
def test_any_jumble_of_the_rules_own_words_is_read(words: list[str]) -> None:
    text = " ".join(words)
    for mention in read(text):
        assert text[mention.start : mention.end].strip()


def test_spans_are_of_the_text_given_not_of_a_lowered_copy() -> None:
    # Lower case of the dotted capital I is two characters long.
    text = "İİİ There is a Left Pleural Effusion."
    (mention,) = read(text)
    assert text[mention.start : mention.end] == "Pleural Effusion"


@pytest.mark.parametrize(
    "text",
    [
        "Compared to prior, the effusion is smaller.",
        "The effusion is unchanged.",
        "Interval increase in the left effusion.",
        "Stable cardiomegaly.",
        "Again seen is a nodule.",
        "New right lower lobe consolidation.",
        "The effusion has increased since yesterday.",
        "Markings are increased since the prior study.",
        "Comparison: Chest radiograph of 3 May. Findings: No effusion.",
        "The previously seen nodule is smaller.",
        "The endotracheal tube has been removed.",
    ],
)
def test_a_comparison_claims_an_earlier_examination(text: str) -> None:
    assert claims_prior(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No effusion.",
        "No prior available for comparison.",
        "Comparison: None. Findings: No effusion.",
        "No prior studies. Small left effusion.",
        "Prior median sternotomy.",
        "Increased opacity at the left base.",
        "Increased interstitial markings.",
        "Lung markings are increased without consolidation.",
        "Lung volumes are decreased.",
        "Old granulomatous disease.",
        "Indication: worsening cough since Monday. Findings: Lungs are clear.",
    ],
)
def test_no_comparison_claims_none(text: str) -> None:
    assert not claims_prior(text)


def test_sections_that_ask_are_not_read_and_those_after_are() -> None:
    text = (
        "EXAMINATION: CHEST (PORTABLE AP)\n\nINDICATION: 60 year old with pneumonia, evaluate for\n"
        "effusion.\n\nCOMPARISON: None.\n\nFINDINGS:\nThere is a small left\npleural effusion.\n\n"
        "IMPRESSION: No pneumonia."
    )
    assert [(mention.code, mention.polarity) for mention in read(text)] == [
        ("pleural_effusion", Certainty.PRESENT),
        ("pneumonia", Certainty.ABSENT),
    ]


def test_lines_without_full_stops_are_sentences_of_their_own() -> None:
    assert status(read("No effusion\nCardiomegaly\nNo pneumothorax")) == {
        "pleural_effusion": Certainty.ABSENT,
        "cardiomegaly": Certainty.PRESENT,
        "pneumothorax": Certainty.ABSENT,
    }


# Its display name says only what it is not.
_UNNAMED = {"no_finding", "implantable_electronic_device"}


@pytest.mark.parametrize("code", sorted(vocabulary().keys() - _UNNAMED))
def test_every_finding_is_read_from_its_name(code: str) -> None:
    assert code in {mention.code for mention in read(f"{vocabulary()[code].en}.")}


@pytest.mark.parametrize("region", [Region.OTHER, Region.ABDOMEN, Region.NECK, Region.HEAD])
@pytest.mark.parametrize(
    "text", ["Small effusion.", "No nodule.", "Infection.", "Mild congestion.", "Fibrosis."]
)
def test_words_without_an_organ_name_no_finding_of_the_chest_elsewhere(
    text: str, region: Region
) -> None:
    assert [m.code for m in read(text) if vocabulary()[m.code].region is Region.CHEST]
    assert not [m.code for m in read(text, region) if vocabulary()[m.code].region is Region.CHEST]


@pytest.mark.parametrize(
    ("region", "codes"),
    [
        (None, ["fracture", "pulmonary_mass", "pulmonary_edema"]),
        (Region.CHEST, ["fracture", "pulmonary_mass", "pulmonary_edema"]),
        (Region.HEAD, ["skull_fracture", "brain_mass", "cerebral_edema"]),
        (Region.PELVIS, ["pelvic_fracture"]),
        (Region.OTHER, []),
    ],
)
def test_words_without_an_organ_are_about_the_examinations_body_part(
    region: Region | None, codes: list[str]
) -> None:
    assert [m.code for m in read("No fracture. No mass. No edema.", region)] == codes


def test_an_organ_that_is_named_outweighs_the_examinations_body_part() -> None:
    text = "Small left pleural effusion. Nodule in the right upper lobe. Rib fracture."
    for region in Region:
        assert [m.code for m in read(text, region)] == [
            "pleural_effusion",
            "pulmonary_nodule",
            "rib_fracture",
        ]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("EXAM: CT head without contrast.\nFINDINGS:\nNo mass. No hemorrhage.", "head"),
        ("CT HEAD\nNo mass. No hemorrhage.", "head"),
        ("Acute infarct in the left thalamus. No mass. No hemorrhage.", "head"),
    ],
)
def test_the_examination_a_report_names_is_what_its_words_are_about(text: str, codes: str) -> None:
    assert {m.code for m in read(text)} >= {"brain_mass", "intracranial_hemorrhage"}
    assert {vocabulary()[m.code].region.value for m in read(text)} == {codes}


def test_a_part_called_normal_is_no_normal_study() -> None:
    text = "CHEST: Unremarkable chest. ABDOMEN: Hypodense lesion in the liver."
    assert [m.code for m in read(text)] == ["liver_mass"]


@pytest.mark.parametrize("code", list(vocabulary()))
def test_every_code_is_read_from_its_own_name(code: str) -> None:
    named = vocabulary()[code].en
    assert code in {m.code for m in read(f"{named}.")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ｎｏ　ｐｎｅｕｍｏｔｈｏｒａｘ．", "ｐｎｅｕｍｏｔｈｏｒａｘ"),
        ("Nodule: ８ ㎜.", "Nodule"),
        ("PTX – none", "PTX"),
    ],
)
def test_spans_are_those_of_the_text_as_it_was_written(text: str, words: str) -> None:
    (mention,) = read(text)
    assert text[mention.start : mention.end] == words
