"""Adapters merged by weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radraft.core.errors import AdapterError
from radraft.finetune.adapt import peft_files
from radraft.finetune.adapt.merge import merge
from radraft.finetune.adapt.values import Base
from radraft.llm.adapter import Adapter, AdapterState

from .sites import QUICK, Site
from .world import go, recipe, tiny_profile

pytestmark = pytest.mark.slow


def changes(folder: Path) -> dict[str, np.ndarray]:
    """What the adapter adds to each layer."""
    lora = peft_files.shape(folder)
    state = {name: value.float().numpy() for name, value in peft_files.state(folder).items()}
    return {
        name: lora.alpha / lora.rank * state[name.replace("lora_A", "lora_B")] @ state[name]
        for name in state
        if "lora_A" in name
    }


@pytest.fixture
def two(home: tuple[Site, Adapter], ground: Base, tmp_path: Path) -> tuple[Site, Adapter, Adapter]:
    site, one = home
    add_two = recipe(lora={"rank": 2, "alpha": 2}, sft=QUICK.sft.model_dump(), dpo=None)
    other = go(site.settings, ground, tmp_path / "other", add_two, seed=9, start="base")
    return site, one, other


def merged(site: Site, ids: list[str], shares: list[float], ground: Base, **more: Any) -> Adapter:
    usual: dict[str, Any] = {"profile": tiny_profile(), "site": "site-c"}
    return merge(
        ids,
        shares,
        store=site.store,
        settings=site.settings,
        by="test",
        base=ground,
        **usual | more,
    )


def test_a_merged_adapter_is_the_weighted_sum_cut_to_the_largest_rank(
    two: tuple[Site, Adapter, Adapter], ground: Base
) -> None:
    site, one, other = two
    made = merged(site, [one.adapter_id, other.adapter_id], [0.75, 0.25], ground)
    assert (made.site, made.rank, made.parent) == ("site-c", 4, None)
    assert made.state is AdapterState.CANDIDATE
    assert made.card["kind"] == "merged"
    assert made.card["parents"] == [one.adapter_id, other.adapter_id]
    assert made.card["weights"] == [0.75, 0.25]
    root = site.settings.adapters_dir
    a, b, got = (changes(root / x.adapter_id) for x in (one, other, made))
    for name, value in got.items():
        u, s, v = np.linalg.svd(0.75 * a[name] + 0.25 * b[name], full_matrices=False)
        wanted = (u[:, :4] * s[:4]) @ v[:4]
        np.testing.assert_allclose(value, wanted, atol=2e-3 * max(1.0, np.abs(wanted).max()))
    assert max(np.abs(value).max() for value in got.values()) > 0.01
    again = merged(site, [one.adapter_id, other.adapter_id], [0.75, 0.25], ground)
    assert again.adapter_id == made.adapter_id


@pytest.mark.parametrize("shares", [[1.0], [0.5, float("nan")], [0.5, 0.25, 0.25]])
def test_weights_that_do_not_fit_are_refused(
    two: tuple[Site, Adapter, Adapter], ground: Base, shares: list[float]
) -> None:
    site, one, other = two
    code = "adapter_merge_parts"
    refuses_merge(code, site, [one.adapter_id, other.adapter_id], shares, ground)
    refuses_merge(code, site, [one.adapter_id, one.adapter_id], [0.5, 0.5], ground)
    refuses_merge(code, site, [one.adapter_id], [1.0], ground)
    refuses_merge("adapter_unknown", site, [one.adapter_id, "a-0"], [0.5, 0.5], ground)


def refuses_merge(
    code: str, site: Site, ids: list[str], shares: list[float], ground: Base, **more: Any
) -> None:
    with pytest.raises(AdapterError) as caught:
        merged(site, ids, shares, ground, **more)
    assert caught.value.code == code


def test_only_adapters_of_one_base_and_projector_are_merged(
    two: tuple[Site, Adapter, Adapter], ground: Base, tmp_path: Path
) -> None:
    site, one, other = two
    ids = [one.adapter_id, other.adapter_id]
    profile = tiny_profile().model_copy(update={"name": "other"})
    refuses_merge("adapter_merge_bases_differ", site, ids, [0.5, 0.5], ground, profile=profile)
    sft = QUICK.sft.model_dump() | {"projector_rate": 0.01}
    own = go(site.settings, ground, tmp_path / "own", recipe(sft=sft, dpo=None), seed=10)
    ids = [one.adapter_id, own.adapter_id]
    refuses_merge("adapter_merge_projectors_differ", site, ids, [0.5, 0.5], ground)
