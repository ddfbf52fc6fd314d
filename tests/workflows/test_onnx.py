"""A network in a file, applied to all images of a project from one load."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import Project
from tests.networks import write_network

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


def test_a_network_is_applied_to_all_images(small: Project) -> None:
    """One that does not fit fails alone; another network runs the step again; a damaged one is told once."""
    network = small.folder / "models/net.onnx"
    write_network(network, np.full((1, 3, 3, 3), 1 / 27, np.float32), sigmoid=True)
    small.draw("images/p0.png", shape=(20, 20))
    small.configure(
        images={"table": "config/images.csv", "root": "images"},
        steps={"segment": {"onnx": "models/net.onnx", "files": {"labels": "png"}}},
    )
    ended = small.snakemake()
    assert ended.code == 1, ended.err
    assert "1 of 4 images failed" in ended.err, ended.err
    failed = small.record("segment", "p0")["error"]["message"]
    assert failed == "images/p0.png: has 1 channel, and the network takes 3; see `axes` and `channels`"
    assert small.record("segment", "p3")["measurements"]["fraction_object"]["value"] == 1.0
    small.draw("images/p0.png")
    write_network(network, np.full((1, 3, 3, 3), -1.0, np.float32), sigmoid=True)
    ended = small.snakemake()
    assert ended.code == 0, ended.err
    fractions = [small.record("segment", f"p{number}")["measurements"] for number in range(4)]
    assert [each["fraction_object"]["value"] for each in fractions] == [0.0] * 4
    network.write_bytes(b"no network")
    ended = small.snakemake()
    assert ended.code == 1
    assert ended.err.count("steps.segment.load: onnx: ") == 1
    left = sorted(path.stem for path in (small.folder / "results/segment").glob("*.json"))
    assert {small.record("segment", each)["status"] for each in left} == {"ok"}
