"""The register of critical values: on paper, on the screen, as a table."""
