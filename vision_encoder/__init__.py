"""The open_clip image encoder, its finding heads, and the projector into the language model.

`encode` is the step of the line: key images to one `StudyEmbedding`, each image embedded once.
`shipped` reads the trained weights of `trained/`; `train/` makes them.
"""
