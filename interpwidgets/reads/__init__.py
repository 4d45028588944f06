"""Reads: a site plus a reduction that runs beside the model.

Reductions are small functions of tensors only, so that what leaves the device is what
is kept, and so that their source can travel.
"""
