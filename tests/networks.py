"""Small networks as files of ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_network(
    path: Path,
    weights: np.ndarray,
    *,
    size: int | None = None,
    sigmoid: bool = False,
    repeats: int = 0,
    reduce: bool = False,
    several: bool = False,
) -> None:
    """Write a network of one convolution that keeps the size.

    Parameters
    ----------
    weights
        Of the convolution: classes × channels × 3 × 3.
    size
        Pixels of a tile's edges; default: any.
    sigmoid
        Whether what comes out are probabilities.
    repeats
        So many further convolutions that change nothing, for a network that takes time.
    reduce
        Whether what comes out is one number for each class.
    several
        Whether it takes several images at one time.
    """
    from onnx import TensorProto, checker, helper, numpy_helper, save

    made, channels = weights.shape[:2]
    edges: Sequence[int | str] = [size, size] if size else ["height", "width"]
    nodes = [helper.make_node("Conv", ["image", "weights"], ["c0"], pads=[1, 1, 1, 1])]
    first: int | str = "several" if several else 1
    same = np.zeros((made, made, 3, 3), np.float32)
    same[range(made), range(made), 1, 1] = 1
    for number in range(repeats):
        inside = [f"c{number}", "same"]
        nodes.append(helper.make_node("Conv", inside, [f"c{number + 1}"], pads=[1, 1, 1, 1]))
    last = "GlobalMaxPool" if reduce else "Sigmoid" if sigmoid else "Identity"
    nodes.append(helper.make_node(last, [f"c{repeats}"], ["out"]))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [first, channels, *edges])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [first, made, "y", "x"])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(same, "same"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, str(path))
