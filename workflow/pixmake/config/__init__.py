"""config.yaml as models: what may stand in it, what it means, and what is wrong with it.

The models are the one source of the JSON Schema, of the tables in ``config/README.md`` and of the errors.
"""
