from __future__ import annotations

from pathlib import Path

import pytest

from radraft.core.errors import PromptError
from radraft.llm import profiles
from radraft.prompts.templates import load_template, parse_template
from radraft.prompts.values import ImagePart, TextPart

GOOD = """
id: good
version: 3
languages: [zh, en]
variables: [modality, history]
messages:
  - role: system
    parts: [{text: "你好 {{ modality }}"}]
  - role: user
    parts: [{images: all}, {text: "病史 {{ history }}"}]
"""


def test_places_images_and_text_in_order() -> None:
    system, user = parse_template(GOOD, "good").fill({"modality": "CR", "history": "咳"}, images=2)
    assert system.parts == (TextPart("你好 CR"),)
    assert user.parts == (ImagePart(0), ImagePart(1), TextPart("病史 咳"))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("variables: [modality, history]", "variables: [modality]", "template_variable_unknown"),
        ("{{ history }}", "none", "template_variable_unused"),
        ("history", "patient_name", "template_variable_unknown"),
        ("version: 3", "version: '3'", "template_invalid"),
        ("id: good", "id: other", "template_invalid"),
        ("languages: [zh, en]", "languages: [fr]", "template_invalid"),
        ("version: 3", "version: 3\nnotes: x", "template_invalid"),
        ("{{ modality }}", "{{ modality", "template_invalid"),
        ("images: all", "images: some", "template_invalid"),
        ("messages:", "messages: [", "template_invalid"),
    ],
)
def test_refuses_what_does_not_fit(old: str, new: str, code: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse_template(GOOD.replace(old, new), "good")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"modality": "CR"}, "template_variable_missing"),
        ({"modality": "CR", "history": "", "sex": "F"}, "template_variable_unknown"),
    ],
)
def test_fill_wants_exactly_the_declared_variables(variables: dict[str, object], code: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse_template(GOOD, "good").fill(variables, images=1)
    assert caught.value.code == code


def test_attributes_of_python_cannot_be_reached() -> None:
    text = GOOD.replace("{{ history }}", "{{ history.__class__.__mro__ }}")
    with pytest.raises(PromptError) as caught:
        parse_template(text, "good").fill({"modality": "CR", "history": "x"}, images=1)
    assert caught.value.code == "template_invalid"


def test_hash_follows_content_not_layout() -> None:
    sha = parse_template(GOOD, "good").sha
    assert parse_template(GOOD.replace("\nversion: 3", "\n\nversion:   3"), "good").sha == sha
    assert parse_template(GOOD.replace("病史", "史"), "good").sha != sha
    assert parse_template(GOOD.replace("version: 3", "version: 4"), "good").sha != sha


@pytest.mark.parametrize("name", ["missing", "../templates/starter", "", "starter.yaml"])
def test_unknown_template(name: str) -> None:
    with pytest.raises(PromptError) as caught:
        load_template(name)
    assert caught.value.code == "template_not_found"


@pytest.mark.parametrize("name", profiles.names())
def test_every_ready_profile_names_a_template_of_its_languages(name: str) -> None:
    profile = profiles.load_profile(name)
    assert load_template(profile.template).spec.languages == profile.languages


def test_a_template_of_a_sites_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_template(str(path)).template_id == "good/3"
    assert load_template(str(path)).sha == parse_template(GOOD, "good").sha


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "template_not_found"),
        (b"\xff\xfe", "template_invalid"),
        (b"id: [", "template_invalid"),
        (GOOD.replace("modality, ", "modality, name, ").encode(), "template_variable_unknown"),
    ],
)
def test_a_path_that_holds_no_template_is_refused_by_its_name(
    tmp_path: Path, data: bytes | None, code: str
) -> None:
    path = tmp_path / "site.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(PromptError) as caught:
        load_template(str(path))
    assert caught.value.code == code
    # Where a hospital keeps its files is not told.
    assert str(tmp_path) not in caught.value.message_en
