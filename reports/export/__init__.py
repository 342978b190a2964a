"""Signed reports in the forms that hospitals read: one module a format, each a pure function of an
`OutgoingReport` to bytes or text. Nothing here reads a database or opens a socket."""
