"""Kind of step ``notebook``."""
