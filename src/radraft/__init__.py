"""radraft drafts radiology reports inside a hospital. Research use only."""

__version__ = "0.1.0"
