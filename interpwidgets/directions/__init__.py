"""Directions: a vector at a site with its provenance, and the labelled prompts it is made of.

Numpy and JSON only: a saved direction opens without torch and without its model.
"""

from interpwidgets.directions.dataset import Dataset as Dataset
from interpwidgets.directions.direction import Direction as Direction
from interpwidgets.directions.direction import Origin as Origin
from interpwidgets.directions.reading import read_direction as read_direction
