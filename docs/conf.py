"""How Sphinx makes a site of these pages, and of the docstrings of the Python names: `make docs`."""

import pixmake

project = "pixmake"
release = pixmake.__version__
copyright = "pixmake contributors, MIT licence"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "pydata_sphinx_theme"
html_title = f"pixmake {release}"
html_copy_source = False

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False
myst_heading_anchors = 3
