"""The report model, its checks, its lifecycle and signing."""
