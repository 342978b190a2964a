"""Step of the line: adapters from candidate to retired; nothing serves without a passed gate."""
