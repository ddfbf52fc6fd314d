"""How far a run is, and how it ended: counts, what a terminal shows of them, and the last lines."""
