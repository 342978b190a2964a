"""The form of a question is read alike in both languages."""

from __future__ import annotations

import pytest

from radraft.llm.asking.forms import forms


@pytest.mark.parametrize(
    ("zh", "en", "form"),
    [
        ("积液在哪侧？", "Which side is the effusion on?", "form_open"),
        ("为啥有气胸", "Why is there a pneumothorax", "form_why"),
        ("骨折没有？", "Is it broken?", "form_yes_no"),
        ("断没断", "Has it broken", "form_yes_no"),
        ("有没有骨折", "Any fracture?", "form_any"),
        ("是新的还是旧的", "New or old", "form_either"),
        ("没有积液，对吧？", "No effusion, right?", "form_agree"),
        ("那个结节", "That nodule", "form_points"),
        ("发热，有肺炎吗", "Fever, is there pneumonia", "form_story"),
        ("两枚结节", "Two nodules", "form_number"),
        ("已吸收", "Already gone", "form_already"),
    ],
)
def test_a_form_is_read_in_both_languages(zh: str, en: str, form: str) -> None:
    assert (forms(zh)[form], forms(en)[form]) == (1, 1)


@pytest.mark.parametrize("question", ["左肺结节", "effusion on the right", "Nodule size"])
def test_who_names_a_thing_asks_neither_why_nor_to_be_agreed_with(question: str) -> None:
    found = forms(question)
    assert not any(found[name] for name in ("form_open", "form_why", "form_agree", "form_any"))
