"""One image's work, in whatever Python a step names.

A job is told a task and leaves a record. `client` hands it to the warm process (`warm_server`), which imports
once what a step needs and forks for each image; `run` does the work there by a runner for each kind of step.

This room and those below it are what a container gets. They import the standard library alone, since it is
all that is known to be there; only `classifier`, and what reads pixels, asks for NumPy and OpenCV.
"""
