"""Which tests `make test` has time for."""

from __future__ import annotations

from pathlib import Path

from tests import costs


def test_of_each_file_the_quickest_stay_and_what_is_new() -> None:
    known = {"tests/a.py::slow": 1.9, "tests/a.py::quick": 0.6, "tests/b.py::alone": 1.9}
    tests = [*known, "tests/a.py::new", "tests/b.py::alone"]
    assert costs.too_many(tests, known) == {"tests/a.py::slow"}


def test_rows_of_a_test_are_added_up_and_a_class_is_found(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.ui.test_a" name="test_b[zh]" time="1"/>'
        '<testcase classname="tests.ui.test_a" name="test_b[en]" time="0.5"/>'
        '<testcase classname="tests.ui.test_a" name="test_quick" time="0.1"/>'
        '<testcase classname="tests.ui.test_a.TestLife" name="runTest" time="3"/>'
        "</testsuite></testsuites>"
    )
    assert costs.measured(report) == {
        "tests/ui/test_a.py::TestLife::runTest": 3.0,
        "tests/ui/test_a.py::test_b": 1.5,
    }
