"""A result on paper: JSON, Markdown and one HTML page."""
