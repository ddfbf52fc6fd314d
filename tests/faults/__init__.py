"""Trials of faults: a process dies, a disk is full, a clock is wrong, files change during a run."""
