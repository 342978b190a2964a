"""vLLM: launching it, model profiles, drafting and follow-up questions."""
