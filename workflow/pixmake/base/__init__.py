"""Words that everybody may use: errors, ids, values of cells, files written whole, the small languages of a config."""
