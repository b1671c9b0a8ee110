"""Prints facts of files of evoked responses as scipy reads them, for real-responses.test.ts and mat5.test.ts.

A digest is a pair of sums that changes when values are exchanged: of the values, and of value x (place in row-major
order modulo 65521).
"""

import json
import sys

import numpy as np
import scipy.io


def digest(values):
    flat = values.astype(np.int64).ravel(order="C")
    places = np.arange(flat.size, dtype=np.int64) % 65521
    return {"shape": list(values.shape), "sum": int(flat.sum()), "weighted": int((flat * places).sum())}


for path in sys.argv[1:]:
    content = scipy.io.loadmat(path)
    name = next(key for key in content if key.startswith("data_"))
    cultures = [{f: digest(culture[f][0, 0]) for f in "sor"} for culture in content[name].ravel(order="F")]
    print(json.dumps({"variable": name, "cultures": cultures}))
