"""Prints an exported MAT-file as scipy reads it, or a folder for phy as numpy does, for exports.test.ts."""

import json
import os
import runpy
import sys

import numpy as np
import scipy.io


def describe(array):
    return {"dtype": array.dtype.str, "shape": list(array.shape), "values": array.ravel(order="C").tolist()}


path = sys.argv[1]
if os.path.isdir(path):
    names = sorted(name for name in os.listdir(path) if name.endswith(".npy"))
    found = {name: describe(np.load(os.path.join(path, name), mmap_mode="r")) for name in names}
    parameters = runpy.run_path(os.path.join(path, "params.py"))
    raw = np.memmap(os.path.join(path, parameters["dat_path"]), dtype=parameters["dtype"], mode="r")
    found["raw"] = describe(raw.reshape(-1, parameters["n_channels_dat"]))
    found["rate"] = parameters["sample_rate"]
else:
    data = scipy.io.loadmat(path)["data"]
    assert data.shape == (1, 1) and data.dtype == object
    found = {field: describe(data[0, 0][field][0, 0]) for field in "sor"}
print(json.dumps(found))
