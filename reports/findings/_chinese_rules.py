"""The Chinese rules as data: `rules_zh.yaml`, and the terms of `reports/findings/terms_zh.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from radraft.core.once import once
from radraft.reports.findings._chinese_matcher import Matcher
from radraft.reports.findings.terms import chinese_terms

_MACRO = re.compile(r"\{(\w+)\}")
# Word lists of the rules that become tokens of the same kind.
_PLAIN = (
    "conjunction", "alternative", "clause", "see", "but", "inside", "recommend", "recommend_on",
    "history", "history_end", "history_after", "comparison", "rest", "ignore", "strong",
    "instance", "illness", "condition", "past", "unproved", "unable",
    "ruled_out", "untrue", "risk", "remains", "unlikely", "premature",
)  # fmt: skip


@dataclass(frozen=True)
class Organ:
    """An organ word: its class, and the place it names."""

    name: str
    anatomy: str | None


@once
def rules() -> Any:
    """Cues, sides, organs and units."""
    return _yaml("radraft.reports.findings", "rules_zh.yaml")


@once
def matcher() -> Matcher:
    """All words of the rules and terms; values are (kind, what)."""
    found = Matcher()
    for code, patterns in chinese_terms()["names"].items():
        _add(found, patterns, ("name", code))
    for head, patterns in chinese_terms()["heads"].items():
        _add(found, patterns, ("head", head))
    for patterns, organ in _organs():
        _add(found, patterns, ("organ", organ))
    table = rules()
    for kind in _PLAIN:
        _add(found, table[kind], (kind, kind))
    for side, patterns in table["sides"].items():
        _add(found, patterns, ("side", side))
    for group in ("negation", "uncertainty"):
        for where, patterns in table[group].items():
            _add(found, patterns, (f"{group}_{where}", where))
    for group in ("compared", "change", "normal"):
        for value, patterns in table[group].items():
            _add(found, patterns, (group, value))
    return found


@once
def finding_words() -> Matcher:
    """Findings and organs alone: what a word with a typing error can be meant to be."""
    found = Matcher()
    for kind in ("names", "heads"):
        for what, patterns in chinese_terms()[kind].items():
            _add(found, patterns, (kind[:-1], what))
    for patterns, organ in _organs():
        _add(found, patterns, ("organ", organ))
    return found


@once
def places() -> Matcher:
    """Organs and sides alone, for what a finding's name says of its place."""
    found = Matcher()
    for patterns, organ in _organs():
        _add(found, patterns, ("organ", organ))
    for side, patterns in rules()["sides"].items():
        _add(found, patterns, ("side", side))
    return found


@cache
def composed(head: str, organ: str) -> str | None:
    """The finding of a head said of an organ."""
    table = chinese_terms()["compose"][head]
    found: str | None = table.get(organ) or table.get(rules()["same_as"].get(organ, ""))
    return found


@cache
def shared_head(phrase: str, organ: str) -> str | None:
    """What a name (心包积液) says of another organ that it is coordinated with (胸腔及心包积液)."""
    inner = places().find(phrase)
    if not inner:
        return None
    for token in matcher().find(phrase[inner[0].end :])[-1:]:
        for head in token.kinds.get("head", ()):
            if found := composed(head, organ):
                return found
    return None


@cache
def normality(predicate: str, organ: str) -> tuple[str, ...]:
    """Return the findings that a statement of normality rules out."""
    return tuple(rules()["rules_out"][predicate].get(organ, "").split())


@cache
def words(key: str) -> frozenset[str]:
    """A word list of the rules as a set."""
    return frozenset(rules()[key].split())


def _organs() -> list[tuple[str, Organ]]:
    return [
        (patterns, Organ(name, None if anatomy == "-" else anatomy))
        for name, by_anatomy in rules()["organs"].items()
        for anatomy, patterns in by_anatomy.items()
    ]


def _add(found: Matcher, patterns: str | None, value: Any) -> None:
    for pattern in (patterns or "").split():
        found.add(_MACRO.sub(lambda match: rules()["macros"][match[1]], pattern), value)


def _yaml(package: str, name: str) -> Any:
    import yaml

    # libyaml reads these ten times as fast where PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files(package).joinpath(name).read_text(encoding="utf-8"), Loader=loader)
