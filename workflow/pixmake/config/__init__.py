"""config.yaml as models."""
