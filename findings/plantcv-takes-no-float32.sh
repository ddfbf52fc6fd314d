#!/usr/bin/env bash
# PlantCV 4.11.3: a trait that is a NumPy float32 ends the script; float64 is taken.
#
# Guess, before it was run: numbers of NumPy are numbers.
# Seen: RuntimeError, "not compatible with JSON", at `add_observation`.
# Source: plantcv.Outputs.add_observation, its list of types.
# For an analysis: the mean of a float32 picture (thermal, reflectance) is one, the same of an 8-bit picture is none.
. "$(dirname "$0")/common.sh"
installs plantcv==4.11.3
python -W ignore - >out <<'END'
import numpy as np
from plantcv import plantcv as pcv

for number in (np.float64(1.5), np.float32(1.5)):
    words = dict(sample="leaf", variable="mean", trait="mean", method="mean", scale="none", datatype=float, label="x")
    try:
        pcv.outputs.add_observation(value=number, **words)
        print(type(number).__name__, "is taken")
    except RuntimeError:
        print(type(number).__name__, "is an error")
END
seen "$0" <<'END'
float64 is taken
float32 is an error
END
