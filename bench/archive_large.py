"""What an import of a very large table of past reports costs: rows a second, and memory.

Keeps as many past studies (without images) in a store, and imports their reports from a table, a
tenth of the rows broken in ten ways, killed (-9) on the way and run once more. Then the same rows
come again as another export of the same system has them: in GB 18030, with a column of raw text
that no mapping names, so that the file has the bytes asked for. That import adds nothing.

    .venv/bin/python -m radraft.bench.archive_large --rows 100000 --bytes 2000000000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from radraft.bench.archive_command import ImportRun, import_archive
from radraft.core.settings import Settings
from radraft.pipeline.archive_sources import CsvSource
from radraft.reports.archive.mapping import ArchiveMapping
from radraft.reports.archive.values import RefusedRecord
from radraft.store import archive
from radraft.store.database import open_store
from tests import archive_corpus as corpus
from tests.archive_corpus import PastStudy, csv_bytes, past_studies, records, truth
from tests.archive_store import SITE, keep_studies

AT_ONCE = 1000
"""Studies that are written at once."""
LINE = '{\\rtf1 "影像所见" 双肺纹理清晰，未见明显实变影；'
"""What the raw column repeats: line ends, quotes and commas stand in it."""


def main() -> None:
    """Prints the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--bytes", type=int, default=2_000_000_000)
    options.add_argument("--kills", type=int, default=3)
    options.add_argument("--folder", type=Path, help="where there is room; else the usual one")
    options.add_argument("--read", action="store_true", help="only read the large table")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        studies = past_studies(chosen.rows)
        if chosen.read:
            _read(Path(folder) / "past_raw.csv", studies, chosen.bytes)
        else:
            _run(Path(folder), studies, chosen.bytes, chosen.kills)


def _run(folder: Path, studies: Sequence[PastStudy], size: int, kills: int) -> None:
    began = time.monotonic()
    store = open_store(Settings(data_dir=folder / "data"))
    for some in _parts(studies):
        keep_studies(store, some, archived=True)
    print(f"studies kept: {len(studies)} in {time.monotonic() - began:.0f} s", flush=True)
    mapping = folder / "mapping.yaml"
    mapping.write_text(corpus.MAPPING, encoding="utf-8")
    table, wide = folder / "past.csv", folder / "past_raw.csv"
    expected = _write(table, studies, "utf-8", 0)
    runs = [
        import_archive(table, data_dir=folder / "data", site=SITE, mapping=mapping, kill_at=percent)
        for percent in (*(100 * (turn + 1) // (kills + 1) for turn in range(kills)), None)
    ]
    _print(table, runs)
    with store.read() as session:
        print(f"  counted as broken: {archive.counts(session, SITE) == dict(expected)}")
    table.unlink()
    rows = sum(expected.values())
    _write(wide, studies, "gb18030", size // rows)
    run = import_archive(wide, data_dir=folder / "data", site=SITE, mapping=mapping)
    _print(wide, [run])
    added = sum(run.counted.get(name, 0) for name in ("report", "correction", "addendum"))
    with store.read() as session:
        kept = archive.counts(session, SITE)
    same = all(kept[name] == expected[name] for name in ("report", "addendum"))
    print(f"  added: {added}; known: {run.counted.get('known', 0)}; reports as before: {same}")
    store.close()


def _read(table: Path, studies: Sequence[PastStudy], size: int) -> None:
    """Read the large table in this process, which keeps nothing."""
    rows = sum(_write(table, studies, "gb18030", size // len(studies)).values())
    print(f"{table.name}: {table.stat().st_size / 1e6:.0f} MB, {rows} rows", flush=True)
    before, processor = _most_memory(), time.process_time()
    source = CsvSource(table, ArchiveMapping.from_yaml(corpus.MAPPING))
    refused: Counter[str] = Counter()
    for _, record in source.read():
        refused[record.reason.value if isinstance(record, RefusedRecord) else "to be taken"] += 1
    processor = time.process_time() - processor
    print(f"  {dict(sorted(refused.items()))}")
    print(f"  read in {processor:.0f} s of the processor; most memory: {before} MiB before, "
          f"{_most_memory()} MiB after")  # fmt: skip


def _most_memory() -> int:
    """Return the most resident memory that this process had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _write(path: Path, studies: Sequence[PastStudy], encoding: str, raw: int) -> Counter[str]:
    """Write the table, each row with about `raw` bytes of raw text behind it; return what must come
    of its rows."""
    expected: Counter[str] = Counter()
    with path.open("wb") as file:
        for number, some in enumerate(_parts(studies)):
            made = records(some)
            known = truth(made)
            expected.update({"report": known.reports, "addendum": known.addenda})
            expected.update(known.reasons)
            titles, *rows = csv_bytes(made, encoding).split(b"\r\n")[:-1]
            if number == 0:
                file.write(titles + (b",RAW\r\n" if raw else b"\r\n"))
            filled = _raw(raw, encoding)
            file.writelines(row + filled + b"\r\n" for row in rows)
    return expected


def _raw(size: int, encoding: str) -> bytes:
    """Return a quoted value of about `size` bytes, behind its comma; nothing for 0."""
    if not size:
        return b""
    line = LINE.replace('"', '""').encode(encoding) + b"\n"
    return b',"' + line * (size // len(line)) + b'"'


def _parts(studies: Sequence[PastStudy]) -> Iterator[list[PastStudy]]:
    left = iter(studies)
    while some := list(islice(left, AT_ONCE)):
        yield some


def _print(table: Path, runs: Sequence[ImportRun]) -> None:
    records_read = sum(runs[-1].counted.values())
    seconds, processor = sum(run.seconds for run in runs), sum(run.processor for run in runs)
    killed = sum(run.status == -9 for run in runs)
    print(f"{table.name}: {table.stat().st_size / 1e6:.1f} MB, {records_read} records")
    print(f"  {seconds:.0f} s in {len(runs)} runs, killed {killed} times "
          f"({records_read / seconds:.0f} records/s); {processor:.0f} s of the processor "
          f"({records_read / processor:.0f} records/s)")  # fmt: skip
    steps = len(runs[-1].percents)
    print(f"  progress: {steps} steps from {min(runs[-1].percents)}% to {max(runs[-1].percents)}%")
    print(f"  most memory: {', '.join(str(run.peak) for run in runs)} MiB", flush=True)


if __name__ == "__main__":
    main()
