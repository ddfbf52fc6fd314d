"""Words that everybody may use.

Errors, ids, the values of cells, files written whole, the small languages that a config is written in.
"""
