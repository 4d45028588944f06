"""Widgets: one anywidget class per kind of Result. Traits, payload, messages; no torch."""
