"""Words that everybody may use.

Errors with their place, ids, the values of cells, files that are written whole, and the small languages
that a config is written in: conditions, placeholders, resources that grow, terms in file names.
"""
