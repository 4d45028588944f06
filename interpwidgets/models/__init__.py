"""Models: the only folder that imports nnsight.

Loading and wrapping, where the sites are in each architecture, and the forward passes
whose values the rest of the package reads.
"""
