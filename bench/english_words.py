"""Write the everyday English words that stand one letter beside a word of the field.

    python -m radraft.bench.english_words --counts frequency_dictionary_en_82_765.txt

The check of typing errors must not take them for misspellings. The counts are those of symspellpy
6.10.1 (MIT): English words by how often Google's books have them. Rarer words than `LEAST` are left
out: in a report they are more likely a slip of the pen. The same input gives the same file.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from radraft.reports.checks import spelling

LEAST = 2_000_000
"""Times, at least, that a word is counted."""
HEADER = (
    "# Everyday English words one letter beside a word of the field: written by\n"
    "# radraft.bench.english_words from the word counts of symspellpy (MIT).\n"
)


def main() -> None:
    """Write the words beside the check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", type=Path, required=True)
    arguments = parser.parse_args()
    rows = (line.split() for line in arguments.counts.read_text("utf-8-sig").splitlines())
    words = [
        word
        for word, count in rows
        if int(count) >= LEAST and word.isalpha() and spelling.is_near_field(word)
    ]
    path = Path(spelling.__file__).with_name("everyday_en.txt")
    text = "\n".join(textwrap.wrap(" ".join(sorted(set(words))), 150))
    path.write_text(HEADER + text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
