"""How codes become the labels of published sets."""

from __future__ import annotations

import pytest

from radraft.reports.findings.english import statements
from radraft.reports.findings.schemes import NAMES, apply, scheme
from radraft.reports.findings.values import Mention
from radraft.reports.values import Certainty

PRESENT, ABSENT, UNCERTAIN = Certainty.PRESENT, Certainty.ABSENT, Certainty.UNCERTAIN


def _labels(name: str, text: str) -> dict[str, Certainty]:
    stated = statements(text)
    return apply(
        scheme(name),
        text,
        [statement.mention for statement in stated],
        [statement.hedge.name.lower() for statement in stated],
    )


@pytest.mark.parametrize(
    ("name", "labels"), [("negbio14", 15), ("nih14", 14), ("chexpert14", 14), ("labels49", 49)]
)
def test_every_set_has_its_labels(name: str, labels: int) -> None:
    assert len(scheme(name).labels) == labels


def test_the_names_are_all_there() -> None:
    assert {scheme(name).name for name in NAMES} == set(NAMES)


def test_negbio_tells_the_words_apart() -> None:
    assert "Cardiomegaly" not in _labels("negbio14", "The cardiac silhouette is enlarged.")
    assert _labels("negbio14", "The heart is enlarged.")["Cardiomegaly"] is PRESENT
    assert "Nodule" not in _labels("negbio14", "Nodular opacity in the left lung.")
    assert _labels("negbio14", "Nodule in the left lung.")["Nodule"] is PRESENT


def test_negbio_counts_alternatives_and_not_what_may_be() -> None:
    assert _labels("negbio14", "Atelectasis or scarring.")["Atelectasis"] is PRESENT
    assert _labels("negbio14", "This may be atelectasis.")["Atelectasis"] is ABSENT


def test_normal_is_no_finding_at_all() -> None:
    assert _labels("negbio14", "Lungs are clear. No effusion.")["normal"] is PRESENT
    assert "normal" not in _labels("negbio14", "Lungs are clear. Old rib fracture.")


def test_chexpert_lets_devices_be_with_no_finding() -> None:
    found = _labels("chexpert14", "Right PICC in place. Lungs are clear.")
    assert found["No Finding"] is PRESENT
    assert found["Support Devices"] is PRESENT
    assert "No Finding" not in _labels("chexpert14", "Small effusion.")


@pytest.mark.parametrize("name", ["nih14", "chexpert14"])
def test_doubt_is_uncertain(name: str) -> None:
    assert _labels(name, "Possible pneumonia.")["Pneumonia"] is UNCERTAIN


def test_labels49_counts_emphysema_of_any_place_and_words_of_its_dictionary() -> None:
    found = _labels("labels49", "Subcutaneous emphysema. Right jugular line ends in the SVC.")
    assert found == {"emphysema": PRESENT, "subcutaneous_emphysema": PRESENT}
    found = _labels("labels49", "Right PICC. Bibasilar opacities. Patchy lung opacity.")
    assert found["central_venous_catheter"] is PRESENT
    assert found["lung_opacity"] is PRESENT


def test_without_hedges_the_polarity_stands_for_them() -> None:
    mentions = [Mention("pneumonia", UNCERTAIN, end=9), Mention("pneumothorax", PRESENT)]
    assert apply(scheme("nih14"), "Pneumonia?", mentions) == {
        "Pneumonia": UNCERTAIN,
        "Pneumothorax": PRESENT,
    }


def test_absence_never_outweighs_presence() -> None:
    text = "Left effusion. No right effusion."
    assert _labels("nih14", text)["Effusion"] is PRESENT
