"""The whole flywheel on real films and real report wording, with a simulated reader."""
