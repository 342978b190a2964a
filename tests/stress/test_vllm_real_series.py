"""A CT and an MR of several series through a real vLLM, from DICOM files to the adapter: what a
reader chose of each series stands in the prompt, is drafted from, signed and learned from.

The model is a tiny Qwen2.5-VL of random weights whose tower and merger are tuned too; at the end
the tensors of those alone must change what it says.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, closing
from itertools import zip_longest
from pathlib import Path

import httpx
import pytest

from radraft.core.settings import Settings
from radraft.finetune.adapt import data, peft_files
from radraft.finetune.adapt.run import adapt
from radraft.finetune.train.native import Processor
from radraft.finetune.train.recipe import Lora
from radraft.llm import adapter_loader, native_layers
from radraft.llm.profile_check.check import check, serves
from radraft.llm.profiles import Profile
from radraft.llm.server import connect
from radraft.llm.wire import chat_body
from radraft.pipeline import adapter_router
from radraft.pipeline.ingest import ingest
from radraft.pipeline.key_images import KeyImageChooser, StudyFrames
from radraft.reports.training_pair import split_of
from radraft.reports.values import Coverage
from radraft.store.choices import Chosen
from radraft.store.database import Store, open_store
from radraft.store.pairs import pairs
from radraft.studies.deid.pseudonyms import Pseudonyms
from tests import pixels_model, real_series
from tests.builders import actor
from tests.finetune.adapt.pixels_world import SITE, add_signed

from .test_vllm_pixels_adapted import HOW, Desk, bytes_of, sign_off

pytestmark = [pytest.mark.stress, pytest.mark.vllm, pytest.mark.timeout(3600)]
TARGETS = "[q_proj, v_proj, down_proj, vision.qkv, vision.proj, connector.mlp.0]"
SERIES = {"CT": 2, "MR": 3}


def taken_in(
    modality: str, store: Store, settings: Settings, profile: Profile, folder: Path
) -> str:
    keys = Pseudonyms(store.secret)
    source = folder / modality
    count = real_series.write(
        source, modality, lambda number, uid: split_of(keys.patient(number, uid)) == "train"
    )
    assert count == SERIES[modality]
    result = ingest(source, store=store, profile=profile, site=SITE, scratch=folder / "scratch")
    assert not result.rejections
    (case_id,) = result.cases
    return case_id


def of_every_series(frames: StudyFrames) -> list[Chosen]:
    """As many frames as a prompt takes, from each series by turns."""
    of_series: dict[str, list[Chosen]] = {}
    for stack in frames.series:
        of_series.setdefault(stack.series_ref, []).extend(
            Chosen(run.instance_ref, frame)
            for run in stack.instances
            for frame in range(run.frames)
        )
    mixed = [one for row in zip_longest(*of_series.values()) for one in row if one is not None]
    return mixed[: frames.budget]


def series_of(frames: StudyFrames, shown: list[Chosen]) -> int:
    refs = {run.instance_ref: stack.series_ref for stack in frames.series
            for run in stack.instances}  # fmt: skip
    return len({refs[one.instance_ref] for one in shown})


def raw_answer(desk: Desk, case_id: str, model: str) -> str:
    """What the model of that name writes for the case."""
    body = json.loads(chat_body(desk.request(case_id), desk.profile, model)) | {"stream": False}
    del body["stream_options"]
    answer = httpx.post(
        f"{desk.endpoint.url}/v1/chat/completions",
        json=body,
        headers=desk.endpoint.headers,
        timeout=900,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == model
    return str(answer.json()["choices"][0]["message"]["content"])


def tower_alone(run: Path, folder: Path, profile: Profile, scale: float) -> None:
    """Write an adapter of the trained tensors of tower and merger alone, `scale` times as large."""
    from safetensors.torch import load_file

    state = load_file(run / "sft" / "lora.safetensors")
    targets = tuple(target for target in profile.lora_targets or () if "." in target)
    own = {
        name: value * scale if ".lora_B." in name else value
        for name, value in state.items()
        if native_layers.target_of(peft_files.NAME.fullmatch(name)[1]) in targets  # type: ignore[index]
    }
    assert own and len(own) < len(state)
    lora = Lora(rank=HOW.lora.rank, alpha=HOW.lora.alpha, targets=targets)
    peft_files.write(folder, own, lora, profile.model_id, None, whole=True)


def test_what_a_reader_chose_of_each_series_is_drafted_signed_and_learned(tmp_path: Path) -> None:
    profile = pixels_model.build(tmp_path / "model", targets=TARGETS)
    settings = Settings(data_dir=tmp_path / "data", start_timeout_s=1800)
    assert serves(check(profile, settings))
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        films = add_signed(store, range(5), profile)
        scans = {
            modality: taken_in(modality, store, settings, profile, tmp_path) for modality in SERIES
        }
        chooser = stack.enter_context(
            closing(KeyImageChooser(store, settings, profile, lambda: None))
        )
        endpoint = stack.enter_context(connect(settings, profile))
        router = adapter_router.Router(store, settings.adapters_dir)
        desk = Desk(settings, store, profile, router, endpoint)
        told = []
        for number, (modality, case_id) in enumerate(scans.items(), 30):
            frames = chooser.frames(case_id)
            wanted = of_every_series(frames)
            chooser.choose(case_id, wanted, base_revision=0, actor=actor("李"))
            (made,) = desk.drafted([case_id], keep=True)
            assert made.coverage is Coverage.DRAFTED, made.error_code
            sign_off(store, case_id, number)
            with store.read() as session:
                (pair,) = [pair for pair in pairs(session) if pair.case_id == case_id]
            encoded = Processor(tmp_path / "model", data.StoredPictures(store.objects)).encode(
                data.example(pair)
            )
            assert list(encoded.prompt) == desk.prompt_of(case_id)
            assert len(encoded.images) == len(wanted) == 4
            assert series_of(frames, wanted) == SERIES[modality]
            told.append(
                f"{modality}: {len(encoded.images)} key images of {SERIES[modality]} series"
            )
        asked = [*scans.values(), films[0]]
        first = desk.drafted(asked)

        run = tmp_path / "run"
        made = adapt(
            SITE, store=store, settings=settings, profile=profile, recipe=HOW, run=run, seed=0,
            by="test",
        )  # fmt: skip
        with store.read() as session:
            real = {pair.pair_id for pair in pairs(session) if pair.case_id in scans.values()}
        assert len(real) == 2 and real <= {*made.card["pairs"], *made.card["valid_pairs"]}
        desk.serve(made)
        adapted = desk.drafted(asked)
        desk.roll_back()
        again = desk.drafted(asked)

        before = [raw_answer(desk, case_id, endpoint.model) for case_id in asked]
        answers = {}
        for name, scale in (("a-00000000000000aa", 1.0), ("a-00000000000000bb", 0.0)):
            tower_alone(run, tmp_path / name, profile, scale)

            async def load(name: str = name) -> None:
                async with httpx.AsyncClient(trust_env=False) as client:
                    await adapter_loader.ensure(endpoint, name, tmp_path / name, client)

            asyncio.run(load())
            answers[scale] = [raw_answer(desk, case_id, name) for case_id in asked]
        log = (settings.data_dir / "logs" / "vllm.log").read_text("utf-8")
    print(*told, sep="; ")
    changed = sum(one != other for one, other in zip(before, answers[1.0], strict=True))
    print(f"changed by tower and merger alone: {changed} of {len(asked)}")
    for drafts in (first, adapted):
        assert all(one.coverage is Coverage.DRAFTED for one in drafts)
    assert all(one.adapter_id == made.adapter_id for one in adapted)
    assert all(a != b for a, b in zip(bytes_of(first), bytes_of(adapted), strict=True))
    assert bytes_of(again) == bytes_of(first)
    # Nothing but tower and merger differs between these three.
    assert answers[0.0] == before
    assert answers[1.0] != before
    assert "will be ignored" not in "\n".join(
        line for line in log.splitlines() if "visual." in line
    )
