"""`radraft templates`: listed, brought in, written out."""

from __future__ import annotations

from pathlib import Path

import pytest

from radraft.reports.report_templates import ready_templates, template_from_yaml
from tests.cli.test_commands import answer, radraft

pytestmark = pytest.mark.slow


def test_a_template_goes_out_comes_in_and_is_listed_as_the_sites_own(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "head.html"
    listed = answer(data, "templates", "list")["templates"]
    assert [line["id"] for line in listed] == [t.id for t in ready_templates()]
    answer(data, "templates", "export", "head_ct", "--form", "html", "--out", str(file))
    (kept,) = answer(data, "templates", "import", str(file))["files"]
    assert (kept["id"], kept["own"], kept["enabled"]) == ("head_ct", True, True)
    printed = radraft(data, "templates", "export", "head_ct").stdout
    assert template_from_yaml(printed).id == "head_ct"
    first = answer(data, "templates", "list")["templates"][0]
    assert (first["id"], first["own"]) == ("head_ct", True)


def test_a_file_that_is_refused_is_named_and_the_others_come_in(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.html", tmp_path / "good.yaml"
    bad.write_text("<p>nothing</p>")
    good.write_text("id: a\nname: {en: A}\nlines: [{path: findings/a, name: {en: A}, en: Clear.}]")
    missing = str(tmp_path / "missing.yaml")
    done = radraft(tmp_path / "data", "templates", "import", str(bad), missing, str(good))
    assert done.returncode != 0
    lines = done.stdout.splitlines()
    assert ["template_not_mrrt" in lines[0], "template_format" in lines[1]] == [True, True]
    # Without a word on examinations it waits for somebody to switch it on.
    assert lines[2].endswith("1 lines  own, off")
