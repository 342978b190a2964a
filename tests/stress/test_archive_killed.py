"""An archive of many reports in three forms, its import killed again and again."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from radraft.core.settings import Settings
from radraft.pipeline.archive_import import import_archive
from radraft.pipeline.archive_sources import CsvSource, FolderSource
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.store import archive
from radraft.store.database import open_store
from tests import archive_corpus as corpus
from tests.archive_corpus import csv_bytes, past_studies, records, truth
from tests.archive_store import SITE, case_of, keep_studies
from tests.scale import scaled

COUNT = scaled(150, full=5000)
KILLS = scaled(3, full=20)
IMPORTING = """
import sys
from pathlib import Path
from radraft.core.settings import Settings
from radraft.pipeline.archive_import import import_archive
from radraft.pipeline.archive_sources import CsvSource, FolderSource
from radraft.reports.archive.mapping import load_mapping
from radraft.store.database import open_store

past, data = Path(sys.argv[1]), Path(sys.argv[2])
store = open_store(Settings(data_dir=data))
for source in (
    CsvSource(past / "past.csv", load_mapping(past / "mapping.yaml")),
    FolderSource(past / "results"),
    FolderSource(past / "documents"),
):
    import_archive(source, store=store, site="site-a", on_progress=lambda done: print(flush=True))
store.close()
"""


@pytest.mark.slow
@pytest.mark.scaled
@pytest.mark.timeout(3600)
def test_an_import_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    past, data = tmp_path / "past", tmp_path / "data"
    (past / "results").mkdir(parents=True)
    (past / "documents").mkdir()
    studies = past_studies(COUNT)
    # A third in each form.
    parts = [[study for study in studies if study.number // 10 % 3 == form] for form in range(3)]
    tables, results, documents = map(records, parts)
    documents = [
        record
        for record in documents
        if record.study.status != "补充" and record.broken not in corpus.SR_WHOLE
    ]
    (past / "past.csv").write_bytes(csv_bytes(tables))
    (past / "mapping.yaml").write_text(corpus.MAPPING, encoding="utf-8")
    for number, record in enumerate(results):
        (past / "results" / f"{number:05d}.hl7").write_bytes(corpus.oru_message(record))
    for number, record in enumerate(documents):
        (past / "documents" / f"{number:05d}.dcm").write_bytes(corpus.sr_document(record))
    store = open_store(Settings(data_dir=data))
    keep_studies(store, studies)
    store.close()

    dice = random.Random(7)
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", IMPORTING, str(past), str(data)],
            stdout=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        )
        assert child.stdout is not None
        for _ in range(dice.randrange(1, max(2, COUNT // 100))):
            child.stdout.readline()
        child.kill()
        child.communicate()

    store = open_store(Settings(data_dir=data))
    sources = (
        CsvSource(past / "past.csv", ArchiveMapping.from_yaml(corpus.MAPPING)),
        FolderSource(past / "results"),
        FolderSource(past / "documents"),
    )
    for source in sources:
        import_archive(source, store=store, site=SITE)
    expected: Counter[str] = Counter()
    for made in (tables, results):
        known = truth(made)
        expected.update({"report": known.reports, "addendum": known.addenda})
        expected.update(known.reasons)
    for record in documents:
        broken = record.broken
        expected[
            "report" if broken is None else corpus.SR_BROKEN.get(broken, corpus.REASONS[broken])
        ] += 1
    with store.read() as session:
        assert archive.counts(session) == dict(expected)
        taught = {text.case_id: text for text in archive.taught(session)}
    again = [import_archive(source, store=store, site=SITE) for source in sources]
    assert sum(count.taken for count in again) == 0
    store.close()

    words = lost = 0
    for study in studies:
        text = taught.get(case_of(study))
        if text is not None:
            whole = f"{text.findings} {text.impression}"
            assert [value for value in study.planted if value in whole] == []
            words += len(study.words)
            lost += sum(word not in whole for word in study.words)
    assert words > COUNT
    assert lost <= words // 100
