"""Whatever reason was stored with a case, the case can be opened and says it in both languages."""

from __future__ import annotations

import string

import pytest

from radraft.core.errors import RadraftError, catalogue, stored_message
from radraft.core.settings import Settings
from radraft.llm.draft import failed
from radraft.llm.profiles import load_profile
from radraft.pipeline.service import Service
from radraft.reports.draft import Draft
from radraft.store.database import Store
from tests.builders import add_case, save_draft
from tests.scale import scaled

pytestmark = pytest.mark.slow

PROFILE = load_profile("starter")


def details_of(code: str) -> dict[str, str | int | float]:
    """What fills the placeholders of a code's sentences."""
    fields = {
        name
        for sentence in catalogue()[code].values()
        for _, name, _, _ in string.Formatter().parse(sentence)
        if name
    }
    return {name.split(".")[0].split("[")[0]: 7 for name in fields}


@pytest.fixture
def case_id(sqlite_store: Store) -> str:
    with sqlite_store.begin() as session:
        return add_case(session)


@pytest.fixture
def service(sqlite_store: Store, settings: Settings) -> Service:
    return Service(sqlite_store, settings, PROFILE)


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("service"))


@pytest.mark.scaled
def test_every_code_is_rendered_with_the_details_it_is_stored_with(
    sqlite_store: Store, service: Service, case_id: str
) -> None:
    for code in sorted(catalogue())[:: scaled(10, full=1)]:
        error = RadraftError(code, file=None, **details_of(code))
        with sqlite_store.begin() as session:
            save_draft(session, failed(case_id, PROFILE, error))
        notice = service.case_view(case_id).notice
        assert notice == (error.message_zh, error.message_en), code


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_a_code_stored_without_its_details_is_rendered_all_the_same(code: str) -> None:
    zh, en = stored_message(code, {})
    assert zh and en


def test_a_code_of_another_version_is_named(
    sqlite_store: Store, service: Service, case_id: str
) -> None:
    error = RadraftError("llm_timeout", **details_of("llm_timeout"))
    draft = failed(case_id, PROFILE, error)
    fields = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
    with sqlite_store.begin() as session:
        save_draft(session, Draft(**fields | {"error_code": "of_another_version"}))
    notice = service.case_view(case_id).notice
    assert notice is not None and all("of_another_version" in sentence for sentence in notice)
