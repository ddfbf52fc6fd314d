"""Configurations of other systems, made into a ``config.yaml``: one module a system."""
