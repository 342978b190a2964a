from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from radraft.core.errors import NotFound, SettingsError
from radraft.store.objects import Objects


def exercise(objects: Objects) -> None:
    assert not objects.exists("images/aa/a.png")
    with pytest.raises(NotFound) as error:
        objects.get("images/aa/a.png")
    assert error.value.code == "object_not_found"
    objects.put("images/aa/a.png", b"first")
    objects.put("images/aa/a.png", b"second")
    objects.put("images/empty", b"")
    assert objects.exists("images/aa/a.png")
    assert objects.get("images/aa/a.png") == b"second"
    assert objects.get("images/empty") == b""


def test_a_folder(tmp_path: Path) -> None:
    exercise(Objects.open("", tmp_path / "objects"))
    assert (tmp_path / "objects/images/aa/a.png").read_bytes() == b"second"


def test_a_folder_by_url(tmp_path: Path) -> None:
    exercise(Objects.open(f"file://{tmp_path}/else%20where", tmp_path / "objects"))
    assert (tmp_path / "else where/images/aa/a.png").exists()
    assert not (tmp_path / "objects").exists()


@pytest.mark.parametrize("url", ["memory:///", "http://host/x", "s3://", "folder"])
def test_other_places_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        Objects.open(url, tmp_path)
    assert error.value.code == "objects_url_unsupported"


ESCAPES = ["../evil", "a/../../evil", "/etc/passwd", "a//b", "", ".", "..", "a/", "a\\..\\b",
           "a\0b", "a/%2e%2e/b", "a b", "é", "a\n", "-x", "a/.hidden", "a" * 513]  # fmt: skip


@pytest.mark.parametrize("key", ESCAPES)
def test_keys_that_could_escape_are_refused(key: str, tmp_path: Path) -> None:
    objects = Objects.open("", tmp_path / "objects")
    with pytest.raises(ValueError, match="not an object key"):
        objects.put(key, b"evil")
    with pytest.raises(NotFound):
        objects.get(key)
    assert not objects.exists(key)
    assert list(tmp_path.rglob("*")) == [tmp_path / "objects"]


@given(key=st.text(st.sampled_from("ab./\\%-@=_~"), max_size=12))
def test_whatever_is_written_lies_below_the_root(
    key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("base", numbered=True)
    objects = Objects.open("", base / "objects")
    try:
        objects.put(key, b"data")
    except ValueError:
        assert not list((base / "objects").iterdir())
    else:
        assert (base / "objects" / key).read_bytes() == objects.get(key) == b"data"
    assert list(base.iterdir()) == [base / "objects"]
