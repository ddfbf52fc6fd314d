"""Of torch what the tests need: nothing is computed."""


def set_num_threads(count):
    assert count >= 1


def device(name):
    return name
