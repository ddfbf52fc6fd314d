"""One image's work, in whatever interpreter a step names."""
