"""What is done to a copied data folder changes nothing in the first."""

from __future__ import annotations

from pathlib import Path

from radraft.bench.rehearsal import snapshot
from radraft.core.settings import Settings
from radraft.store import cases
from radraft.store.database import open_store
from tests import builders


def test_a_copy_is_a_store_of_its_own(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    first = open_store(Settings(data_dir=source))
    with first.begin() as session:
        case_id = builders.add_case(session, 1)
    first.objects.put("images/one", b"pixels")
    snapshot.take(source, target)
    copied = open_store(Settings(data_dir=target))
    with copied.begin() as session:
        assert cases.get_case(session, case_id).case_id == case_id
        builders.add_case(session, 2)
    copied.objects.put("images/one", b"other pixels")
    assert copied.secret == first.secret
    assert first.objects.get("images/one") == b"pixels"
    with first.read() as session:
        assert len(cases.worklist(session).rows) == 1
    snapshot.take(source, target)
    with copied.read() as session:
        assert len(cases.worklist(session).rows) == 2
    first.close()
    copied.close()


def test_a_copy_broken_off_is_made_again(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    open_store(Settings(data_dir=source)).close()
    (tmp_path / ".target").mkdir()
    (tmp_path / ".target" / "half").write_text("", encoding="utf-8")
    snapshot.take(source, target)
    assert not (target / "half").exists()
    open_store(Settings(data_dir=target)).close()
