"""What is loaded into vLLM's own processes; it imports nothing of radraft's."""
