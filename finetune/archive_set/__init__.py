"""Sets of the archive: what an archived report teaches, by kind; what is left out; the data card.

`finetune.archived` writes them.
"""
