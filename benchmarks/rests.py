"""What a rest costs: a pool's processes have none, while that of an image begins when one before has ended."""

from __future__ import annotations

import json
import statistics
import subprocess

from environments import ours
from frame import CORES
from projects import BURN, loops_of_a_millisecond
from usage import environment_of

MILLISECONDS, PAUSE = 50, 5

SCRIPT = """\
import json
import multiprocessing
import sys
import time

{burn}

def spent(pause):
    times = []
    for _ in range(20):
        begun = time.process_time()
        burn({loops})
        times.append(1000 * (time.process_time() - begun))
        time.sleep(pause / 1000)
    return times


rounds, found = int(sys.argv[1]), {{0: [], {pause}: []}}
with multiprocessing.Pool({cores}) as pool:
    for _ in range(rounds):
        for pause, times in found.items():
            times += sum(pool.map(spent, [pause] * {cores}, chunksize=1), [])
print(json.dumps(list(found.values())))
"""

TEXT = """\
Some machines, virtual ones above all, compute more slowly after a rest. Of this one: a loop in {cores}
processes takes {at_once:.1f} ms of CPU time if it follows at once on the one before, {rested:.1f} ms if each
process sleeps {pause} ms between two (means of {count} each, in turns). The pool's processes never sleep; so
where these two differ, a part of what pixmake lacks to the pool is the machine's.
"""


def rests(rounds: int) -> str:
    """What is to be said of it, as Markdown."""
    python = ours()
    loops = MILLISECONDS * loops_of_a_millisecond()
    script = SCRIPT.format(burn=BURN, loops=loops, pause=PAUSE, cores=CORES)
    done = subprocess.run(
        [python, "-c", script, str(rounds)],
        env=environment_of(python),
        check=True,
        capture_output=True,
    )
    at_once, rested = json.loads(done.stdout)
    return TEXT.format(
        cores=CORES,
        at_once=statistics.mean(at_once),
        rested=statistics.mean(rested),
        pause=PAUSE,
        count=len(rested),
    )
