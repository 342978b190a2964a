"""An adapter's name is its content: what vLLM keeps under a name is never of other weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import AdapterError
from radraft.store import adapter_files, adapters
from radraft.store.database import Store
from tests.store.adapter_builders import BASE, SITE, installed, make_adapter, write_adapter

SHA = st.binary(min_size=32, max_size=32).map(bytes.hex)
CONTENT = st.tuples(
    st.sampled_from(["site-a", "site-b"]),
    st.sampled_from([BASE, "starter@fedcba9876543210"]),
    st.fixed_dictionaries({adapter_files.WEIGHTS: SHA, adapter_files.CONFIG: SHA}),
)


@given(CONTENT, CONTENT)
def test_two_names_are_the_same_exactly_where_site_base_and_files_are(
    one: tuple[str, str, dict[str, str]], other: tuple[str, str, dict[str, str]]
) -> None:
    assert (adapter_files.id_of(*one) == adapter_files.id_of(*other)) == (one == other)
    reordered = dict(reversed(one[2].items()))
    assert adapter_files.id_of(one[0], one[1], reordered) == adapter_files.id_of(*one)


@pytest.mark.parametrize("change", ["seed", "rank"])
def test_other_weights_or_settings_have_another_name(change: str, tmp_path: Path) -> None:
    names = {
        adapter_files.id_of(SITE, BASE, adapter_files.hashes(folder))
        for folder in (
            write_adapter(tmp_path / "one"),
            write_adapter(tmp_path / "same"),
            write_adapter(tmp_path / "other", **{change: 3}),
        )
    }
    assert len(names) == 2


def test_files_that_were_exchanged_under_a_name_are_refused(
    sqlite_store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "adapters"
    with sqlite_store.begin() as session:
        adapter = adapters.get(session, installed(session, root, tmp_path, 1))
    assert adapter_files.verified(root, adapter) == root / adapter.adapter_id
    config = root / adapter.adapter_id / adapter_files.CONFIG
    config.write_text(json.dumps(json.loads(config.read_text()) | {"lora_alpha": 5}))
    with pytest.raises(AdapterError) as error:
        adapter_files.verified(root, adapter)
    assert error.value.code == "adapter_files_changed"
    # Not even where the registry is changed along with them: the name would be of other weights.
    changed = replace(adapter, files=adapter_files.hashes(root / adapter.adapter_id))
    with pytest.raises(AdapterError) as error:
        adapter_files.verified(root, changed)
    assert error.value.code == "adapter_files_changed"


def test_one_name_is_installed_once(tmp_path: Path) -> None:
    root = tmp_path / "adapters"
    source = write_adapter(tmp_path / "one")
    made = make_adapter(adapter_files.hashes(source))
    adapter_files.install(source, root, made.adapter_id)
    before = adapter_files.hashes(root / made.adapter_id)
    adapter_files.install(write_adapter(tmp_path / "two", 7), root, made.adapter_id)
    assert adapter_files.hashes(root / made.adapter_id) == before
