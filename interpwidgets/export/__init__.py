"""A notebook, or one view, as one HTML file that works with no kernel and no network."""

from interpwidgets.export.notebook import export

__all__ = ["export"]
