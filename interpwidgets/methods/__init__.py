"""Methods: a model and a prompt in, a Result out. No drawing.

A method is an object with its arguments: what to read of a run, how to check that it
fits, and how to build the Result. A board gives many of them one forward; ``run`` gives
one method a forward of its own.
"""
