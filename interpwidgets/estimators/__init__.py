"""Small estimators on plain arrays: directions, splits, scores with intervals, controls.

They know rows of numbers and their labels; no model, no text, no torch.
"""
