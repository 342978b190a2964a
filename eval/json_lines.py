"""Lines of JSONL files in, checked objects out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from radraft.core.errors import EvalError

_LONGEST_ID = 40
_EXAMPLES = 3


def lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (line number from 1, byte offset, bytes) of each line that is not blank.

    EvalError `eval_file_missing`.
    """
    if not path.is_file():  # a pipe cannot be read twice
        raise EvalError("eval_file_missing", file=str(path))
    try:
        with path.open("rb") as file:
            offset = 0
            for line, raw in enumerate(file, start=1):
                mark = 3 if line == 1 and raw.startswith(b"\xef\xbb\xbf") else 0
                if raw[mark:].strip():
                    yield line, offset + mark, raw[mark:]
                offset += len(raw)
    except OSError:
        raise EvalError("eval_file_missing", file=str(path)) from None


def entry(raw: bytes, line: int, path: Path) -> dict[str, Any]:
    """Return the object of one line.

    EvalError `eval_not_utf8`, `eval_bad_json`, `eval_duplicate_key`, `eval_not_object`.
    """

    def unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field, value in items:
            if field in found:
                raise EvalError("eval_duplicate_key", file=str(path), line=line, field=shown(field))
            found[field] = value
        return found

    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except UnicodeDecodeError:
        raise EvalError("eval_not_utf8", file=str(path), line=line) from None
    except json.JSONDecodeError as error:
        raise EvalError("eval_bad_json", file=str(path), line=line, column=error.colno) from None
    except (RecursionError, ValueError):  # brackets too deep, a number of thousands of digits
        raise EvalError("eval_bad_json", file=str(path), line=line, column=1) from None
    if not isinstance(value, dict):
        raise EvalError("eval_not_object", file=str(path), line=line)
    return value


def shown(text: str) -> str:
    """Return `text` as it may stand in a message: one line, not long."""
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= _LONGEST_ID else plain[:_LONGEST_ID] + "..."


def ids_differ(file: str, refs: Mapping[str, object], hyps: Mapping[str, object]) -> EvalError:
    """Return the error `eval_ids_differ` of ids that are not the same, the first of each side by
    name; `file` is that of `hyps`."""
    only_refs = [key for key in refs if key not in hyps]
    only_hyps = [key for key in hyps if key not in refs]
    return EvalError(
        "eval_ids_differ",
        file=file,
        refs=len(refs),
        hyps=len(hyps),
        only_refs=len(only_refs),
        only_hyps=len(only_hyps),
        example_refs=_examples(only_refs),
        example_hyps=_examples(only_hyps),
    )


def _examples(ids: Sequence[str]) -> str:
    return ", ".join(map(shown, ids[:_EXAMPLES])) or "-"
