"""How Sphinx makes a site of these pages, and of the docstrings of the Python names: `make docs`."""

import re

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

suppress_warnings = ["misc.highlighting_failure"]  # ```csv says to an editor what Pygments has no word for

# pages that live elsewhere in the repository, and stand on the site under these names
PAGES = {"../config/README.md": "config.md", "../benchmarks/RESULTS.md": "benchmarks.md", "../docs/": ""}
ELSEWHERE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")


def relink(app, *read):
    """Have links of the repository hold on the site; what the site does not have is no link there."""
    content = read[-1]
    for there, here in PAGES.items():
        content[0] = content[0].replace(f"]({there}", f"]({here}")
    content[0] = ELSEWHERE.sub(r"\1", content[0])


def setup(app):
    app.connect("source-read", relink)
    app.connect("include-read", relink)
