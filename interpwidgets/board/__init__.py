"""The live session: runs of a model, and the views that show them."""
