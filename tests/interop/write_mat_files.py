"""Writes MAT-files of many classes and shapes with scipy, and what is in them as JSON, for mat5.test.ts."""

import json
import sys

import numpy as np
import scipy.io
import scipy.sparse

folder = sys.argv[1]
random = np.random.default_rng(20230807)

INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32"]


def describe(value):
    """The value in the shape of our MatValue, numbers as JSON can hold them, column-major."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        elements = value.ravel(order="F")
        fields = [[name, [describe(e[name]) for e in elements]] for name in value.dtype.names]
        return {"type": "struct", "dims": list(value.shape), "fields": fields}
    if isinstance(value, np.ndarray) and value.dtype == object:
        return {"type": "cell", "dims": list(value.shape), "cells": [describe(v) for v in value.ravel(order="F")]}
    if isinstance(value, str):
        return {"type": "char", "dims": [1, len(value)], "text": value}
    flat = value.ravel(order="F")
    out = {"type": "numeric", "dims": list(value.shape), "isLogical": value.dtype == bool}
    out["data"] = [str(v) for v in flat.real.astype(float)]
    if np.iscomplexobj(value):
        out["imaginary"] = [str(v) for v in flat.imag.astype(float)]
    return out


def integers(kind, shape):
    info = np.iinfo(kind)
    values = random.integers(info.min, info.max, size=shape, endpoint=True).astype(kind)
    if values.size:
        values.flat[0], values.flat[-1] = info.min, info.max
    return values


variables = {}
for kind in INTEGERS:
    variables[f"m_{kind}"] = integers(kind, (3, 5))
    variables[f"e_{kind}"] = np.zeros((0, 4), dtype=kind)
    variables[f"n_{kind}"] = integers(kind, (2, 3, 2, 2))
variables["m_int64"] = np.array([[-(2**53) + 1, 2**53 - 1, 0]], dtype=np.int64)
variables["m_uint64"] = np.array([[7], [2**53 - 1]], dtype=np.uint64)
variables["m_single"] = random.normal(size=(4, 2)).astype(np.float32)
variables["m_double"] = np.array([[1.5, -np.inf, np.nan], [5e-324, 1e308, -0.0]])
variables["m_logical"] = random.random((5, 3)) < 0.5
variables["m_complex"] = random.normal(size=(2, 3)) + 1j * random.normal(size=(2, 3))
variables["m_empty"] = np.zeros((0, 0))
variables["m_scalar"] = np.array([[42.0]])
variables["m_large"] = random.integers(0, 256, size=(2000, 64)).astype(np.uint8)
variables["t_ascii"] = "evoked responses"
variables["t_accents"] = "5 µV, 20 °C, naïve"
variables["t_other"] = "神経細胞 😀"

cell = np.empty((2, 3), dtype=object)
for i in range(2):
    for j in range(3):
        cell[i, j] = integers("int16", (i + 1, j + 1))
cell[1, 2] = "text in a cell"
inner = np.empty((1, 2), dtype=object)
inner[0, 0], inner[0, 1] = np.array([[1.0]]), np.zeros((0, 0))
cell[0, 0] = inner
variables["c_mixed"] = cell
variables["c_empty"] = np.empty((0, 0), dtype=object)

struct = np.empty((2, 2), dtype=[("name", object), ("value", object)])
for k, element in enumerate(struct.ravel(order="F")):
    struct[k % 2, k // 2] = (f"element {k}", integers("uint8", (k, 2)))
variables["s_array"] = struct

data = np.empty((1, 2), dtype=object)
for i in range(2):
    culture = np.empty((1, 1), dtype=[("s", object), ("o", object), ("r", object)])
    culture[0, 0] = (
        random.integers(0, 2, size=(512, 2)).astype(np.uint8),
        (random.random((512, 32)) < 0.5) if i else random.integers(0, 2, size=(512, 32)).astype(float),
        random.poisson(3, size=(512, 64)).astype(np.uint16 if i else float),
    )
    data[0, i] = culture
variables["data_test"] = data

for name, compress in [("plain", False), ("compressed", True)]:
    scipy.io.savemat(f"{folder}/{name}.mat", variables, do_compression=compress)

scipy.io.savemat(f"{folder}/level4.mat", {"x": np.arange(6.0).reshape(2, 3)}, format="4")
with_sparse = {"sparse": scipy.sparse.eye(3).tocsc(), "x": np.array([[1.0]])}
scipy.io.savemat(f"{folder}/sparse.mat", with_sparse)

with open(f"{folder}/expected.json", "w", encoding="utf-8") as file:
    json.dump({name: describe(value) for name, value in variables.items()}, file)
