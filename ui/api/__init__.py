"""The workstation's JSON interface."""
