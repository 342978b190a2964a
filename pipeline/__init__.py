"""How the steps of the line are joined: taking in, drafting, adapters, the service."""
