"""What the starter model is taught to write: our own sentence pairs, put together as reports."""
