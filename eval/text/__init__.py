"""Text metrics: how close a drafted report's words are to a reference report's."""
