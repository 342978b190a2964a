"""Does the model look at the image? Drafts from changed images, and what the image adds."""
