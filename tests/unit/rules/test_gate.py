"""Jobs in line: no more cores in use than there are, none overtakes another, all get through."""

from __future__ import annotations

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_plugin_pixmake.gate import Gate


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_cores(cores: int, asked: list[int]) -> None:
    """Whatever is asked for, also more than there is: the sum of what is held is never above the cores."""
    gate, lock, held, most = Gate(cores), threading.Lock(), [0], [0]

    def work(wanted: int) -> None:
        with gate.held(wanted):
            with lock:
                held[0] += min(wanted, cores)
                most[0] = max(most[0], held[0])
            time.sleep(0.0005)
            with lock:
                held[0] -= min(wanted, cores)

    threads = [threading.Thread(target=work, args=(wanted,)) for wanted in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert most[0] <= cores


def test_nobody_overtakes() -> None:
    """Who asks for all cores gets them before those who have come later and would find room."""
    gate, order = Gate(2), []
    begun = threading.Barrier(2)

    def first() -> None:
        with gate.held(1):
            begun.wait(5)
            time.sleep(0.2)

    def later(name: str, cores: int) -> None:
        with gate.held(cores):
            order.append(name)
            time.sleep(0.05)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    begun.wait(5)
    for name, cores in (("large", 2), ("small", 1)):
        threads.append(threading.Thread(target=later, args=(name, cores)))
        threads[-1].start()
        time.sleep(0.05)
    for thread in threads:
        thread.join(5)
    assert order == ["large", "small"]


def test_an_error_gives_back() -> None:
    """What a failed job held is free again."""
    gate = Gate(1)
    for _ in range(3):
        try:
            with gate.held(1):
                raise ValueError
        except ValueError:
            continue
    with gate.held(1):
        pass


def test_whether_the_line_is_short() -> None:
    """It is, as long as no more wait than are few: then a core will soon have nothing to do."""
    gate, leave = Gate(1, few=1), threading.Event()

    def work() -> None:
        with gate.held(1):
            leave.wait(10)

    threads = [threading.Thread(target=work) for _ in range(3)]
    seen = [gate.is_short.is_set()]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
        seen.append(gate.is_short.is_set())
    leave.set()
    for thread in threads:
        thread.join(10)
    assert (seen, gate.is_short.is_set()) == ([True, True, True, False], True)


def test_a_batch_holds_the_cores_of_one() -> None:
    """Images join a batch until it is full, or the first of them is done; each batch waits for its cores."""
    gate, lock, sizes, held = Gate(1), threading.Lock(), [], [0]
    full = threading.Barrier(3)

    def work(number: int) -> None:
        with gate.shared("s", 1, 3):
            with lock:
                held[0] += 1
                sizes.append(held[0])
            full.wait(5)
            with lock:
                held[0] -= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert sorted(sizes) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    with gate.held(1):
        pass
