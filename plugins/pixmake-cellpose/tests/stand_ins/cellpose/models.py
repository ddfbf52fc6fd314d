"""The class of Cellpose 4 that is used, with its arguments; it takes no others."""

import os

import numpy as np
from skimage.measure import label

MODEL_NAMES = ["cpsam_v2", "cpsam"]


def get_user_models():
    return []


class CellposeModel:
    def __init__(self, gpu=False, pretrained_model="cpsam_v2", device=None, use_bfloat16=True):
        self.told = {"gpu": gpu, "device": device, "bfloat16": use_bfloat16}
        with open("loads.txt", "a") as file:
            file.write(f"{os.getpid()} {pretrained_model} {self.told}\n")

    def eval(
        self,
        x,
        batch_size=8,
        resample=True,
        channel_axis=None,
        z_axis=None,
        normalize=True,
        diameter=None,
        flow_threshold=0.4,
        cellprob_threshold=0.0,
        do_3D=False,
        anisotropy=None,
        flow3D_smooth=0,
        stitch_threshold=0.0,
        min_size=15,
        max_size_fraction=0.4,
        niter=None,
        augment=False,
        tile_overlap=0.1,
    ):
        assert channel_axis == -1 and x.shape[-1] <= 3
        assert (z_axis == 0) == bool(do_3D or stitch_threshold) == (x.ndim == 4)
        if x.max() == 252:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        found = label(x.max(axis=-1) > 100)
        counts = np.bincount(found.ravel())
        kept = np.where(counts >= min_size, np.arange(len(counts)), 0)
        _, masks = np.unique(kept[found], return_inverse=True)
        return masks.reshape(found.shape).astype(np.uint16), [None], np.zeros(256)
