"""pixmake from Python: whole projects, a function over images, and `Parallel`, which needs neither.

What users import stands in the package itself: ``from pixmake import map_images, Project, Parallel, Task``.
"""
