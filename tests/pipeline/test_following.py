"""What follows in the other language: by the model where it may, by known pairs, by rules."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from radraft.llm.profiles import Profile, Task, load_profile
from radraft.pipeline.following import Follower, WrittenSentence, template_pairs
from radraft.reports.following import FollowSource, pair_key
from radraft.reports.report_templates import ready_templates
from radraft.reports.site_languages import LanguageRule
from radraft.reports.template_fields import text_fields
from radraft.reports.values import Lang, Origin
from radraft.store import language_rules, offered, sentence_pairs
from radraft.store.database import Store
from tests.builders import add_drafted, make_report, make_sentence, person
from tests.llm.chat_server import ChatServer, chat_server
from tests.scale import on_both

pytestmark = on_both(
    "test_most_of_the_newest_uses_say_how_it_is_said",
    "test_what_the_site_signed_goes_before_lines_of_templates_and_before_rules",
)

ZH, EN = "右侧胸腔积液。", "Right pleural effusion."
ODD, ODD_EN = "肺门血管影略增浓。", "The hilar vessels are slightly prominent."
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as made:
        yield made


@pytest.fixture
def translating() -> Profile:
    starter = load_profile("starter")
    return starter.model_copy(update={"tasks": (*starter.tasks, Task.TRANSLATE)})


@pytest.fixture
def case_id(store: Store) -> str:
    with store.begin() as session:
        return add_drafted(session)


def one(text: str = ZH, lang: Lang = "zh", key: str = "f1") -> list[WrittenSentence]:
    return [WrittenSentence(key, lang, text)]


def answer(server: ChatServer, text: str) -> None:
    server.reply = lambda body: json.dumps({"text": text})


def test_a_model_that_may_translate_is_asked_first(
    store: Store, case_id: str, server: ChatServer, translating: Profile
) -> None:
    answer(server, "There is a right pleural effusion.")
    found = Follower(store, translating).follow(case_id, one(), server.endpoint)
    assert found["f1"].source is FollowSource.MODEL
    assert found["f1"].text == "There is a right pleural effusion."


def test_the_starter_is_never_asked(store: Store, case_id: str, server: ChatServer) -> None:
    assert Task.TRANSLATE not in load_profile("starter").tasks
    found = Follower(store, load_profile("starter")).follow(case_id, one(), server.endpoint)
    assert (found["f1"].source, found["f1"].text) == (FollowSource.COMPOSED, EN)
    assert server.requests == []


@pytest.mark.parametrize(
    "wrong", ["Left pleural effusion.", "No right pleural effusion.", "Right pneumothorax."]
)
def test_what_a_model_says_otherwise_is_not_offered(
    store: Store, case_id: str, server: ChatServer, translating: Profile, wrong: str
) -> None:
    answer(server, wrong)
    follower = Follower(store, translating)
    assert follower.follow(case_id, one(), server.endpoint)["f1"].text == EN


def test_a_model_that_is_slow_broken_or_away_holds_nothing_up(
    store: Store, case_id: str, server: ChatServer, translating: Profile
) -> None:
    done = threading.Event()
    server.reply = lambda body: str(done.wait(60))
    follower = Follower(store, translating, model_s=0.2)
    try:
        two = [*one(), *one("未见气胸。", key="f2")]
        found = follower.follow(case_id, two, server.endpoint)
    finally:
        done.set()
    assert {key: text.text for key, text in found.items()} == {"f1": EN, "f2": "No pneumothorax."}
    server.reply = lambda body: "no JSON"
    assert follower.follow(case_id, one(), server.endpoint)["f1"].text == EN
    assert follower.follow(case_id, one(), None)["f1"].text == EN


def test_what_the_site_signed_goes_before_lines_of_templates_and_before_rules(
    store: Store, case_id: str
) -> None:
    follower = Follower(store, load_profile("starter"))
    (chest,) = [each for each in ready_templates() if each.id == "chest_radiograph"]
    known = template_pairs([chest])
    lines = [line for line in chest.lines if ("zh", pair_key(line.zh)) in known]
    followed = {line.en: follower.follow(case_id, one(line.zh), None) for line in lines}
    said = [found["f1"].text for en, found in followed.items() if found and found["f1"].text == en]
    assert len(said) >= 3
    with store.begin() as session:
        sentence_pairs.keep(session, case_id, "site-a", [(ODD, ODD_EN), (ZH, "Effusion, right.")])
    assert follower.follow(case_id, one(ODD), None)["f1"].text == ODD_EN
    assert follower.follow(case_id, one(ODD_EN.lower(), "en"), None)["f1"].text == ODD
    with store.begin() as session:
        other = add_drafted(session, 2)
        sentence_pairs.keep(session, case_id, "elsewhere", [(ODD, ODD_EN)])
    # Another site's way to say it is its own.
    assert follower.follow(other, one(ODD), None) == {}


def test_a_line_with_a_choice_or_a_blank_is_no_pair() -> None:
    for (lang, key), said in template_pairs(ready_templates()).items():
        assert key
        assert not text_fields(said), (lang, said)


def test_most_of_the_newest_uses_say_how_it_is_said(store: Store) -> None:
    with store.begin() as session:
        for number, en in enumerate(("A.", "B.", "B.", "C."), start=1):
            case_id = add_drafted(session, number)
            sentence_pairs.keep(session, case_id, "site-a", [(ODD, en)])
        said = sentence_pairs.known(session, "site-a", [("zh", ODD), ("zh", "没有说过。")])
        assert said == {("zh", pair_key(ODD)): "B."}
        # A newer version of the same case takes the place of the one before.
        sentence_pairs.keep(session, case_id, "site-a", [(ODD, "B.")])
        sentence_pairs.keep(session, case_id, "site-a", [])
        assert sentence_pairs.known(session, "site-a", [("en", "C.")]) == {}


def test_what_is_offered_is_known_when_it_comes_back(store: Store, case_id: str) -> None:
    Follower(store, load_profile("starter")).follow(case_id, one(), None)
    report = make_report(case_id)
    sent = replace(report, findings=(make_sentence("f1", ZH, EN), *report.findings[1:]))
    with store.read() as session:
        (text,) = offered.of_report(session, sent)
    assert (text.sentence_id, text.origin, text.source) == (
        "f1",
        Origin.TRANSLATION,
        "follow:composed",
    )


def test_nothing_follows_at_a_site_of_one_language(store: Store, case_id: str) -> None:
    with store.begin() as session:
        language_rules.change(
            session, "site-a", LanguageRule(("zh",)), base_number=0, by=person("管"), now=NOW
        )
    assert Follower(store, load_profile("starter")).follow(case_id, one(), None) == {}
