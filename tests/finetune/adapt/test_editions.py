"""A site goes from the starter's first edition to the second: drafts, pairs, adapters."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radraft.core.errors import AdapterError
from radraft.core.settings import Settings
from radraft.finetune.adapt import keys, travel
from radraft.finetune.adapt.base import trainable
from radraft.finetune.adapt.data import OTHER_ENCODER
from radraft.finetune.adapt.run import adapt
from radraft.finetune.adapt.values import Base
from radraft.llm import checkpoint, pins, text_base
from radraft.llm.adapter import Adapter
from radraft.llm.launch import model_path
from radraft.llm.profiles import Profile, load_profile
from radraft.pipeline.adapter_router import check_base
from radraft.pipeline.draft import VisionModel
from radraft.pipeline.draft_batch import draft_many, load_vision_model
from radraft.reports.draft import Draft
from radraft.reports.training_pair import make_pair
from radraft.store import cases, drafts, images as key_images, reports
from radraft.store.database import Store
from radraft.store.pairs import pairs, save_pair
from radraft.store.signatures import sign
from radraft.vision_encoder import shipped, stored
from radraft.vision_encoder.encode import Encoder
from radraft.vision_encoder.projector import Projector
from tests.builders import make_deid, make_images, make_study, person
from tests.finetune.adapt.sites import Site as Hospital
from tests.finetune.adapt.world import SITE, add_signed, patient, recipe
from tests.finetune.train.conftest import IMAGE, WIDTH
from tests.llm.adapter_server import AdapterServer, adapter_server
from tests.site import Site, author
from tests.vision_encoder.conftest import write_projector

pytestmark = pytest.mark.slow

FIRST, SECOND = load_profile("starter"), load_profile("starter2")


@pytest.fixture
def server() -> Iterator[AdapterServer]:
    with adapter_server() as running:
        yield running


def drafted(
    store: Store,
    settings: Settings,
    profile: Profile,
    vision: VisionModel | None,
    server: AdapterServer,
    *case_ids: str,
) -> list[Draft]:
    outcomes = asyncio.run(
        draft_many(
            case_ids,
            store=store,
            settings=settings,
            profile=profile,
            endpoint=server.endpoint,
            vision=vision,
            again=True,
        )
    )
    made = [outcome.draft for outcome in outcomes if outcome.draft is not None]
    assert len(made) == len(case_ids)
    assert {draft.model_id for draft in made} == {profile.model_id}
    return made


def taken_in(store: Store, number: int) -> str:
    """A film of a patient whose pairs are trained on."""
    deid = replace(make_deid(number), patient_ref=patient(number, "train"))
    chosen = make_images(deid.case_id, seed=number)
    with store.begin() as session:
        cases.add_study(
            session, site=SITE, study=make_study(number), deid=deid, issues=(), original_keys=()
        )
        key_images.save(store.objects, chosen)
        cases.add_key_images(session, chosen)
    return deid.case_id


def signed(store: Store, case_id: str) -> None:
    with store.begin() as session:
        basis = drafts.basis(session, case_id)
        assert basis is not None
        revision = reports.current(session, case_id).revision
        version = sign(
            session, case_id, base_revision=revision, signer=person("王"), now=datetime.now(UTC)
        )
        ref = cases.get_case(session, case_id).patient_ref
        save_pair(session, make_pair(basis, version, site=SITE, patient_ref=ref, seconds=60.0))


def embedded(store: Store, encoder_id: str, case_id: str) -> str | None:
    """What is stored of the case's film by that encoder, by its hash."""
    with store.read() as session:
        (image,) = cases.key_images(session, case_id)
    key = stored.key(encoder_id, image.image_id)
    if not store.objects.exists(key):
        return None
    return hashlib.sha256(store.objects.get(key)).hexdigest()


def test_a_site_switches_to_the_second_edition_and_back(
    sqlite_store: Store, tmp_path: Path, server: AdapterServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What serves over one edition is refused by name under the other, and serves again after."""
    settings = Settings(data_dir=tmp_path / "data", draft_timeout_s=60)
    serving = Site(sqlite_store, settings, tmp_path).serving(1, FIRST.model_id)
    vision = {profile.name: load_vision_model(profile) for profile in (FIRST, SECOND)}
    case_id = taken_in(sqlite_store, 1)
    old, new = text_base.encoder_id(FIRST), text_base.encoder_id(SECOND)
    assert old != new

    def draft(profile: Profile) -> Draft:
        (made,) = drafted(sqlite_store, settings, profile, vision[profile.name], server, case_id)
        with sqlite_store.read() as session:
            kept = drafts.latest(session, case_id)
        assert kept is not None and kept.encoder_id == text_base.encoder_id(profile)
        return made

    assert author(draft(FIRST)) == serving
    before = embedded(sqlite_store, old, case_id)
    assert before is not None and embedded(sqlite_store, new, case_id) is None
    with caplog.at_level(logging.WARNING, "radraft.pipeline.adapter_router"):
        assert draft(SECOND).adapter_id is None
    assert "adapter_other_base" in caplog.text
    # The film was embedded anew, and nothing of the first edition's is gone.
    assert embedded(sqlite_store, new, case_id) not in {None, before}
    assert embedded(sqlite_store, old, case_id) == before
    assert author(draft(FIRST)) == serving


@pytest.mark.parametrize("profile", [FIRST, SECOND], ids=lambda profile: profile.name)
def test_each_edition_is_served_and_trained_over_its_own_parts(
    profile: Profile, tmp_path: Path
) -> None:
    built, files = checkpoint.folder(tmp_path, profile.edition), pins.files(profile.edition)
    built.mkdir()
    assert model_path(profile, tmp_path, None) == str(built)
    found = trainable(profile, tmp_path)
    assert (found.checkpoint, found.projector, found.heads) == (
        built,
        files["projector"],
        files["heads"],
    )
    assert found.encoder_id == found.heads_encoder_id == shipped.encoder_id(files["heads"].parent)
    assert text_base.projector_of(profile) == files["projector"]


@pytest.fixture
def vision(tmp_path: Path) -> VisionModel:
    """The second edition's encoder, with a projector as wide as the tiny language model."""
    write_projector(tmp_path / "projector.safetensors", dim=1280, width=WIDTH, seed=1)
    encoder = Encoder.of(SECOND.encoder, edition=SECOND.edition)
    return VisionModel(encoder, Projector.load(tmp_path / "projector.safetensors"))


def test_what_is_signed_over_the_second_edition_adapts_it(
    base: Path, vision: VisionModel, tmp_path: Path, server: AdapterServer
) -> None:
    home = Hospital(tmp_path / "home")
    try:
        # Signed over the first edition: its encoder saw those films.
        add_signed(home.store, range(100, 104), encoder=text_base.encoder_id(FIRST))
        made = adapted(home.store, home.settings, base, vision, tmp_path, server)
        assert {name: one["step"] for name, one in made.card["losses"].items()} == {"sft": 2}
        assert made.base == SECOND.model_id
        assert made.card["encoder_id"] == text_base.encoder_id(SECOND)
        assert made.card["left_out"][OTHER_ENCODER] == 4
        check_base(made, SECOND)
        with pytest.raises(AdapterError) as caught:
            check_base(made, FIRST)
        assert caught.value.code == "adapter_other_base"
        assert caught.value.details["base"] == SECOND.model_id
        parcel = travel.export(
            made.adapter_id, tmp_path / "x", store=home.store, settings=home.settings
        )
    finally:
        home.store.close()
    away = Hospital(tmp_path / "away")
    keys.trust(away.settings.data_dir, "home", keys.public(home.settings.data_dir))
    error = away.refuses(parcel, "adapter_import_base", profile=FIRST)
    assert error.details["base"] == SECOND.model_id
    away.store.close()


def adapted(
    store: Store,
    settings: Settings,
    base: Path,
    vision: VisionModel,
    folder: Path,
    server: AdapterServer,
) -> Adapter:
    """Drafted with the second edition's eyes, signed, and two steps over a tiny model."""
    case_ids = [taken_in(store, number) for number in range(5)]
    drafted(store, settings, SECOND, vision, server, *case_ids)
    for case_id in case_ids:
        signed(store, case_id)
    with store.read() as session:
        own = [pair for pair in pairs(session) if pair.case_id in case_ids]
    assert {pair.encoder_id for pair in own} == {text_base.encoder_id(SECOND)}
    return adapt(
        SITE,
        store=store,
        settings=settings,
        profile=SECOND,
        recipe=recipe(sft={"epochs": 1, "batch": 2, "learning_rate": 0.01}, dpo=None),
        run=folder / "run",
        seed=3,
        by="test",
        base=Base(
            base,
            folder / "projector.safetensors",
            pins.files(SECOND.edition)["heads"],
            text_base.encoder_id(SECOND),
            IMAGE,
            checkpoint.TOKENS_PER_IMAGE,
        ),
    )
