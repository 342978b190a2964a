"""A site's templates and phrases: every change is a row of its own and the newest counts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from radraft.core.errors import NotFound, ReportError
from radraft.reports.phrases import MAX_PHRASES, Phrase
from radraft.reports.report_templates import ready_templates, template_from_yaml
from radraft.reports.template_rules import OpenFields, SiteTemplateRule
from radraft.store import sites, templates
from radraft.store.database import Store
from tests.builders import person

NOW = datetime(2026, 11, 29, tzinfo=UTC)
BY = person("管理员")
OWN = template_from_yaml(
    """
id: own_chest
name: {zh: 本院胸片}
modalities: [CR]
body_parts: [CHEST]
lines: [{path: findings/lungs, name: {zh: 肺}, zh: 双肺清晰。}]
"""
)
NODULE = Phrase(letters="jj", zh="( )mm结节。", en="A nodule of ( ) mm.")


def test_a_site_has_what_comes_with_radraft_until_it_says_otherwise(store: Store) -> None:
    with store.read() as session:
        found = templates.of_site(session, "site-a")
    assert [known.template for known in found] == list(ready_templates())
    assert {(known.own, known.enabled, known.number) for known in found} == {(False, True, 0)}


def test_a_sites_own_template_stands_first_and_is_its_alone(store: Store) -> None:
    with store.begin() as session:
        kept = templates.keep(session, "site-a", OWN, by=BY, now=NOW)
        assert (kept.own, kept.enabled, kept.number, kept.by) == (True, True, 1, BY)
        assert templates.enabled(session, "site-a") == (OWN, *ready_templates())
        assert templates.enabled(session, "site-b") == ready_templates()
        assert "site-a" in sites.known(session)


def test_a_template_of_the_same_id_takes_the_place_of_the_one_before(store: Store) -> None:
    ready = ready_templates()[0]
    mine = ready.model_copy(update={"version": 7})
    newer = OWN.model_copy(update={"version": 2})
    with store.begin() as session:
        for template in (OWN, newer, mine):
            templates.keep(session, "site-a", template, by=BY, now=NOW)
        found = templates.of_site(session, "site-a")
    assert [known.template.id for known in found[:2]] == sorted([mine.id, OWN.id])
    assert {known.template for known in found if known.own} == {mine, newer}
    assert len(found) == len(ready_templates()) + 1


def test_what_is_switched_off_is_used_no_longer_and_comes_back_as_it_was(store: Store) -> None:
    with store.begin() as session:
        templates.keep(session, "site-a", OWN, by=BY, now=NOW)
        for template_id in (OWN.id, "head_ct"):
            off = templates.switch(session, "site-a", template_id, on=False, by=BY, now=NOW)
            assert not off.enabled
            assert template_id not in {t.id for t in templates.enabled(session, "site-a")}
            on = templates.switch(session, "site-a", template_id, on=True, by=BY, now=NOW)
            assert on.enabled
        assert templates.enabled(session, "site-a") == (OWN, *ready_templates())
        with pytest.raises(NotFound, match="template_unknown"):
            templates.switch(session, "site-a", "nothing", on=False, by=BY, now=NOW)


def test_how_a_site_works_with_templates_is_changed_by_one_at_a_time(store: Store) -> None:
    warn = SiteTemplateRule(OpenFields.WARN, begin_reports=True)
    with store.begin() as session:
        unset = templates.rule_of_site(session, "site-a")
        assert (unset.rule, unset.number) == (SiteTemplateRule(), 0)
        first = templates.set_rule(session, "site-a", warn, base_number=0, by=BY, now=NOW)
        assert (first.rule, first.number, first.by) == (warn, 1, BY)
    with pytest.raises(ReportError, match="rule_changed_meanwhile"), store.begin() as session:
        templates.set_rule(session, "site-a", warn, base_number=0, by=BY, now=NOW)
    with store.read() as session:
        assert templates.rule_of_site(session, "site-b").rule == SiteTemplateRule()


def test_phrases_of_a_person_and_of_a_site_are_apart(store: Store) -> None:
    changed = NODULE.model_copy(update={"zh": "结节。"})
    with store.begin() as session:
        templates.keep_phrase(session, "site-a", NODULE, owner="", by=BY, now=NOW)
        templates.keep_phrase(session, "", NODULE, owner="account-7", by=BY, now=NOW)
        templates.keep_phrase(session, "", changed, owner="account-7", by=BY, now=NOW)
        assert templates.phrases(session, "site-a") == (NODULE,)
        assert templates.phrases(session, "", "account-7") == (changed,)
        assert templates.phrases(session, "", "account-8") == ()
        templates.drop_phrase(session, "", "jj", owner="account-7", by=BY, now=NOW)
        assert templates.phrases(session, "", "account-7") == ()
        with pytest.raises(NotFound, match="phrase_unknown"):
            templates.drop_phrase(session, "", "jj", owner="account-7", by=BY, now=NOW)
        templates.keep_phrase(session, "", NODULE, owner="account-7", by=BY, now=NOW)
        assert templates.phrases(session, "", "account-7") == (NODULE,)


def test_there_is_an_end_to_phrases(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        for number in range(MAX_PHRASES):
            phrase = NODULE.model_copy(update={"letters": f"j{number}"})
            templates.keep_phrase(session, "site-a", phrase, owner="", by=BY, now=NOW)
        templates.keep_phrase(
            session, "site-a", NODULE.model_copy(update={"letters": "j0"}), owner="", by=BY, now=NOW
        )
        with pytest.raises(ReportError, match="phrases_too_many"):
            templates.keep_phrase(session, "site-a", NODULE, owner="", by=BY, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE report_templates SET enabled = NOT enabled",
        "DELETE FROM report_templates",
        "UPDATE template_rules SET open_fields = 'silent'",
        "DELETE FROM template_rules",
        "UPDATE phrases SET content = NULL",
        "DELETE FROM phrases",
    ],
)
def test_what_was_said_once_is_not_changed(store: Store, change: str) -> None:
    with store.begin() as session:
        templates.keep(session, "site-a", OWN, by=BY, now=NOW)
        templates.keep_phrase(session, "site-a", NODULE, owner="", by=BY, now=NOW)
        templates.set_rule(session, "site-a", SiteTemplateRule(), base_number=0, by=BY, now=NOW)
    with pytest.raises(sa.exc.DatabaseError), store.begin() as session:
        session.execute(sa.text(change))
