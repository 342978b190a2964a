"""Share of sentences that the finding reader reads rightly, by kind of sentence.

python -m radraft.bench.finding_sentences FILE ... [--wrong]

A line of a file has `kind`, `lang`, `text`, `expected` (each `code:polarity[:side[:mm,mm]]`) and
`alt`, other right answers. A side or a size that is left out is not compared; "-" is no side. A
sentence is right when what was read is one of its answers, with nothing left over.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from radraft.eval.looks.calibration import wilson
from radraft.reports.findings.extract import extract
from radraft.reports.findings.values import Mention
from radraft.reports.findings.vocabulary import counted_as
from radraft.reports.values import Lang

UNDECIDED_BELOW = 20
"""Sentences of a kind under which its share decides nothing."""


@dataclass(frozen=True)
class Example:
    """A sentence and what it states."""

    kind: str
    lang: Lang
    text: str
    answers: tuple[tuple[str, ...], ...]
    """Each an answer that is right, as statements in the file's form."""


def load(path: Path) -> list[Example]:
    """Return the sentences of a file; a line without `kind` has the name of its folder."""
    examples = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            answers = (row["expected"], *row.get("alt", []))
            kind = row.get("kind", path.parent.name)
            examples.append(Example(kind, row["lang"], row["text"], tuple(map(tuple, answers))))
    return examples


def is_right(example: Example) -> bool:
    """Whether what is read of the sentence is one of its answers."""
    read = extract(example.text, example.lang)
    return any(_answers(answer, read) for answer in example.answers)


def _answers(answer: Sequence[str], read: Iterable[Mention]) -> bool:
    left = list(read)
    for statement in answer:
        said = next((mention for mention in left if _says(mention, statement)), None)
        if said is None:
            return False
        left.remove(said)
    return not left


def _says(mention: Mention, statement: str) -> bool:
    code, polarity, side, size = (*statement.split(":"), "", "")[:4]
    if counted_as(code) != counted_as(mention.code) or polarity != mention.polarity.value:
        return False
    if side and (mention.laterality.value if mention.laterality else "-") != side:
        return False
    return not size or tuple(map(float, size.split(","))) == mention.size_mm


def main() -> None:
    """Print the share of right sentences of each kind and language, and of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--wrong", action="store_true", help="print the sentences read wrongly")
    given = parser.parse_args()
    examples = [example for path in given.files for example in load(path)]
    right = {id(example): is_right(example) for example in examples}
    if given.wrong:
        for example in examples:
            if not right[id(example)]:
                print(f"{example.kind} {example.lang} {example.text}")
                print(f"    want {example.answers}\n    read {extract(example.text, example.lang)}")
    print("| kind | language | right | of | share | 95% interval |\n|---|---|---|---|---|---|")
    for kind, lang in sorted({(example.kind, example.lang) for example in examples}):
        _line(kind, lang, [right[id(e)] for e in examples if (e.kind, e.lang) == (kind, lang)])
    for lang in sorted({example.lang for example in examples}):
        _line("all", lang, [right[id(example)] for example in examples if example.lang == lang])
    _line("all", "all", list(right.values()))


def _line(kind: str, lang: str, right: list[bool]) -> None:
    low, high = wilson(sum(right), len(right))
    note = ", undecided" if len(right) < UNDECIDED_BELOW else ""
    share, interval = sum(right) / len(right), f"{low:.3f} to {high:.3f}{note}"
    print(f"| {kind} | {lang} | {sum(right)} | {len(right)} | {share:.3f} | {interval} |")


if __name__ == "__main__":
    main()
