"""The Gradio workstation."""
