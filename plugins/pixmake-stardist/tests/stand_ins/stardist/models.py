"""The classes of StarDist that are used, with their arguments; they take no others."""

import json
import os
from types import SimpleNamespace

import numpy as np
from skimage.measure import label


class _StarDist:
    dimensions = 0

    def __init__(self, config, name=None, basedir="."):
        assert config is None
        with open(os.path.join(basedir, name, "config.json")) as file:
            self.config = SimpleNamespace(**json.load(file))
        with open("loads.txt", "a") as file:
            file.write(f"{os.getpid()} {name}\n")

    @classmethod
    def from_pretrained(cls, name_or_alias=None):
        if name_or_alias != f"{cls.dimensions}D_demo":
            print(f"Could not find model with name or alias '{name_or_alias}'")
            return None
        found = cls.__new__(cls)
        found.config = SimpleNamespace(n_channel_in=1)
        with open("loads.txt", "a") as file:
            file.write(f"{os.getpid()} {name_or_alias}\n")
        return found

    def predict_instances(
        self,
        img,
        axes=None,
        normalizer=None,
        sparse=True,
        prob_thresh=None,
        nms_thresh=None,
        scale=None,
        n_tiles=None,
        show_tile_progress=True,
    ):
        assert img.dtype == np.float32 and len(axes) == img.ndim and set(axes) <= set("ZYXC")
        assert n_tiles is None or len(n_tiles) == img.ndim
        assert not show_tile_progress
        if img.max() > 1000:
            raise RuntimeError("the values are not normalised")
        found = label((img if axes[-1] != "C" else img.max(axis=-1)) > 0.5)
        probabilities = np.linspace(0.5, 0.9, int(found.max()))
        return found.astype(np.int32), {"prob": probabilities, "points": [], "coord": []}


class StarDist2D(_StarDist):
    dimensions = 2


class StarDist3D(_StarDist):
    dimensions = 3
