"""DICOM in: files of any origin to de-identified key images.

`read` turns a path into `Study` values and refusals; `quality` judges them; `deidentify` is the
wall that no identity passes; `key_images` chooses and decodes what a reader and a model see.
Pixels and headers are decoded in killable child processes (`_worker`, `deid._process`). `values`
has what crosses to other rooms; names that begin with `_` are this room's own.
"""
