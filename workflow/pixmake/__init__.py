"""pixmake: one Snakemake rule per image, one table at the end.

Importing this package imports nothing but the standard library, so that it is there in every Python
environment that a step names.
"""

from pixmake.records import Measurement

__version__ = "0.1.0"
__all__ = ["Measurement", "__version__"]
