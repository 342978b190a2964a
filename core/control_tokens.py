"""The one rule for text of people that goes where a tokenizer reads it.

A tokenizer takes `<end_of_turn>` or `[INST]` for a control token wherever it stands: in a history,
a sentence that was signed, a question. A turn would be split, an image would be expected that is
not there. So every text that people or files bring goes through `inert` on its way into a prompt, a
question to a model, a training pair or its export.
"""

from __future__ import annotations

import re

_WIDE = str.maketrans("<[>|", "＜［＞｜")
_OPENER = re.compile(
    # <bos>, </s>, <image>, <0x0A>, <2en>, <用户>, but no numbers that are compared: <38.5,SpO2>
    r"<(?=(?:0x|[^\s<>\d])[^\s<>]{0,64}>|\d\w{0,32}>|\|)"
    # [INST], [/INST], [IMG_BREAK], [control_8], [@BOS@], [|user|], but no words: [see above]
    r"|\[(?=/?[A-Z@_a-z]{2,32}[\]@_\d]|@|\|)"
    # >>QUESTION<<, |||IP_ADDRESS|||
    r"|>(?=>[A-Z_]{2,32}<<)"
    r"|\|(?=\|\|[A-Z_]{2,32}\|\|\|)"
)


def inert(text: str) -> str:
    """Return `text` without markers that a tokenizer would read as control tokens.

    A marker's first character becomes its full-width form: readable, as long as before, and no
    longer a marker.
    """
    return _OPENER.sub(lambda opener: opener[0].translate(_WIDE), text)
