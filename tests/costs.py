"""What each test costs, as `make test` last measured it, and which tests it has time for.

    .venv/bin/python -m tests.costs junit.xml

writes `costs.txt` beside this file from what `pytest -m '' --junitxml junit.xml` measured.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

FILE = Path(__file__).with_name("costs.txt")
SECONDS = 2.0
"""What the tests of a file that are not marked `always` may take together in `make test`."""
LEAST, LEAST_ROW = 0.5, 0.1
"""A test that takes less, in all or a row of it on average, is not written down and counts as
nothing."""


def read(path: Path = FILE) -> dict[str, float]:
    """Return test (`tests/a/test_b.py::test_c`, all its rows together) -> seconds."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {test: float(seconds) for seconds, test in map(str.split, lines)}


def too_many(tests: Iterable[str], costs: Mapping[str, float]) -> set[str]:
    """Return what is left to `make stress`: of each file, its quickest tests stay, as many as
    `SECONDS` allow. A test without a known cost is a new one and stays."""
    files: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for test in set(tests):
        files[test.partition("::")[0]].append((costs.get(test, 0.0), test))
    left: set[str] = set()
    for found in files.values():
        spent = 0.0
        for cost, test in sorted(found):
            spent += cost
            if spent > SECONDS:
                left.add(test)
    return left


def measured(junit: Path) -> dict[str, float]:
    """Return the seconds of each test in a report of pytest's."""
    costs: defaultdict[str, float] = defaultdict(float)
    rows: Counter[str] = Counter()
    for case in ElementTree.parse(junit).iter("testcase"):
        file, *inside = _file_first(case.attrib["classname"].split("."))
        test = "::".join([file, *inside, case.attrib["name"].partition("[")[0]])
        costs[test] += float(case.attrib["time"])
        rows[test] += 1
    return {
        test: cost
        for test, cost in costs.items()
        if cost >= LEAST and cost / rows[test] >= LEAST_ROW
    }


def _file_first(parts: list[str]) -> list[str]:
    """Return the file's path, then the class in it where there is one."""
    end = next(at for at, part in enumerate(parts, 1) if part.startswith("test_"))
    return ["/".join(parts[:end]) + ".py", *parts[end:]]


if __name__ == "__main__":
    # What this run left out keeps the cost that it had.
    old = read() if FILE.exists() else {}
    known = {test: cost for test, cost in old.items() if Path(test.partition("::")[0]).exists()}
    new = dict(sorted((known | measured(Path(sys.argv[1]))).items()))
    FILE.write_text("".join(f"{cost:.1f} {test}\n" for test, cost in new.items()), encoding="utf-8")
