"""How far a run is, and how it ended."""
