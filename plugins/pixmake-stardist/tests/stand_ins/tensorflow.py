"""Of TensorFlow what the tests need: nothing is computed, and no GPU is there."""


class _Threading:
    def set_intra_op_parallelism_threads(self, count):
        assert count >= 1

    def set_inter_op_parallelism_threads(self, count):
        assert count >= 1


class _Config:
    threading = _Threading()

    def list_physical_devices(self, kind):
        assert kind == "GPU"
        return []


config = _Config()
__version__ = "2.0"
