"""Step of the line: a site's signed reports -> the next candidate adapter."""
