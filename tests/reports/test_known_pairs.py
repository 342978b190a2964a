"""Which sentences of a signed report teach a site how it says them in the other language."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from radraft.reports.known_pairs import pairs_of
from radraft.reports.values import (
    Confirmation,
    ConfirmedLanguage,
    Lang,
    Origin,
    Report,
    Sentence,
    SignedReport,
    Wording,
)
from tests.builders import person

NOW = datetime(2026, 11, 29, tzinfo=UTC)
WANG = person("王签名")
PAIR = ("右侧胸腔积液。", "Right pleural effusion.")


def signed(*sentences: Sentence, langs: tuple[Lang, ...] = ("zh", "en")) -> SignedReport:
    confirmed = tuple(ConfirmedLanguage(lang, WANG) for lang in langs)
    report = Report("c-1", sentences, ())
    return SignedReport("c-1", 1, report, None, WANG, None, NOW, confirmed, None, "")


def sentence(
    zh: str = PAIR[0],
    en: str = PAIR[1],
    origin: Origin = Origin.PERSON,
    confirmed: Confirmation | None = None,
    key: str = "f1",
) -> Sentence:
    texts = (Wording("zh", zh, Origin.PERSON), Wording("en", en, origin, confirmed))
    return Sentence(key, texts)


def test_what_people_stand_for_in_both_languages_is_taught_once() -> None:
    assert pairs_of(signed(sentence(), sentence(key="f2"))) == (PAIR,)
    assert pairs_of(signed(sentence(origin=Origin.MODEL))) == (PAIR,)
    assert pairs_of(signed(sentence(origin=Origin.MODEL), langs=("zh",))) == ()


def test_a_machines_translation_is_taught_once_a_person_confirmed_it() -> None:
    assert pairs_of(signed(sentence(origin=Origin.TRANSLATION))) == ()
    given = Confirmation(WANG, NOW)
    assert pairs_of(signed(sentence(origin=Origin.TRANSLATION, confirmed=given))) == (PAIR,)


@pytest.mark.parametrize(
    ("zh", "en"),
    [
        ("右侧胸腔积液。", "Left pleural effusion."),
        ("患者姓名：王小明，右侧胸腔积液。", "Right pleural effusion."),
    ],
    ids=["contradicts itself", "names a patient"],
)
def test_what_contradicts_itself_or_names_somebody_is_not_taught(zh: str, en: str) -> None:
    assert pairs_of(signed(sentence(zh, en))) == ()
