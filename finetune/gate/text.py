"""A decision of the gate in plain sentences."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from radraft.finetune.gate.reference import reference_of
from radraft.llm.adapter import Check, GateRecord
from radraft.reports.values import LANGS, Lang

CASES_SHOWN = 20
_SHARES = ("rate", "right", "right_low", "right_least", "found", "found_serving")
"""Of a check's detail, what is printed as a share."""


def lines(record: GateRecord, lang: Lang) -> tuple[str, ...]:
    """What was decided, a sentence for each check, and who confirmed it."""
    words = _words()["heads"]
    what = words[record.stage][lang].format(adapter=record.adapter_id)
    head = words["passed" if record.passed else "failed"][lang].format(
        site=record.site,
        what=what,
        serving=record.against or words["base"][lang],
        codes=", ".join(check.code for check in record.failed),
    )
    unsigned = words_of_reference(record, lang)
    by = [words["confirmed"][lang].format(by=record.confirmed_by)] if record.confirmed_by else []
    return (head, *unsigned, *(sentence(check, lang) for check in record.checks), *by)


def words_of_reference(record: GateRecord, lang: Lang) -> tuple[str, ...]:
    """Return what must be known of a reference that nobody signed here; nothing of signed ones."""
    known: dict[str, Any] = _words()["references"][reference_of(record.tested)]
    return (known["head"][lang].format(**record.tested),) if "head" in known else ()


def sentence(check: Check, lang: Lang) -> str:
    """One check with its figures. KeyError for a code that `words.yaml` does not have."""
    kind, _, suffix = check.code.rpartition("_")
    spoken = suffix in LANGS
    entry = _words()["checks"][kind if spoken else check.code]
    special = _words()["special"]
    if check.detail.get("missing") is not None:
        text = special["missing"][lang]
    elif check.value is None and check.passed | ("unknown" in entry):
        text = entry.get("unknown", special["unknown"])[lang]
    else:
        text = entry[_outcome(check)][lang]
    language = _words()["languages"][suffix][lang] if spoken else ""
    reference = _words()["references"][reference_of(check.detail)][lang]
    known = {"code": check.code, "language": language, "reference": reference}
    return str(text.format(**known, **_figures(check)))


def _outcome(check: Check) -> str:
    """Return which sentence of `words.yaml` is said of a check that was made."""
    if not check.passed:
        return "failed"
    return "earned" if check.detail.get("by") == "stated_right" else "passed"


def _figures(check: Check) -> dict[str, str]:
    found = {
        name: _number(getattr(check, name))
        for name in ("value", "low", "high", "limit", "candidate", "serving")
    }
    cases = list(check.detail.get("cases", ()))
    shown = ", ".join(cases[:CASES_SHOWN]) + (" ..." if len(cases) > CASES_SHOWN else "")
    return {
        **found,
        "n": str(check.n),
        "value_whole": "-" if check.value is None else f"{check.value:.0f}",
        "candidate_share": _share(check.candidate),
        "serving_share": _share(check.serving),
        **{name: _share(check.detail.get(name)) for name in _SHARES},
        "p": "-" if "p" not in check.detail else f"{check.detail['p']:.2g}",
        "cases": shown or "-",
    }


def _number(value: float | None) -> str:
    # Plus zero: minus zero would be printed as one.
    return "-" if value is None else f"{round(value, 3) + 0.0:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f}%"


@cache
def _words() -> dict[str, Any]:
    import yaml

    path = files("radraft.finetune.gate").joinpath("words.yaml")
    words: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return words
