"""Prints an NWB file as h5py reads it, for exports.test.ts: what breaks a rule of the schema, and the values of the columns.

The rules are those that a reader depends on: types, ids, columns of equal length, references that lead to where they should.
"""

import json
import re
import sys

import h5py
import numpy as np

COMMON = {"DynamicTable", "VectorData", "VectorIndex", "ElementIdentifiers", "DynamicTableRegion"}
TABLES = {"DynamicTable", "TimeIntervals", "Units"}
UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")

file = h5py.File(sys.argv[1], "r")
wrong = []
ids = []


def check(name, holds, what):
    if not holds:
        wrong.append(f"{name}: {what}")


def kind(node):
    return node.attrs.get("neurodata_type")


def check_typed(name, node):
    if kind(node) is None:
        return
    expected = "hdmf-common" if kind(node) in COMMON else "core"
    check(name, node.attrs.get("namespace") == expected, "namespace")
    check(name, UUID.match(node.attrs.get("object_id", "")) is not None, "object id")
    ids.append(node.attrs.get("object_id"))


def check_table(name, table):
    columns = list(table.attrs["colnames"])
    rows = table["id"].shape[0]
    check(name, kind(table["id"]) == "ElementIdentifiers", "ids")
    check(name, isinstance(table.attrs["description"], str), "description")
    present = {key for key in table if key != "id" and not key.endswith("_index")}
    check(name, set(columns) == present, f"columns {columns} are not {sorted(present)}")
    for column in columns:
        index = table.get(f"{column}_index")
        check(f"{name}/{column}", isinstance(table[column].attrs.get("description"), str), "description")
        if index is None:
            check(f"{name}/{column}", table[column].shape[0] == rows, "rows")
            continue
        check(f"{name}/{column}", kind(index) == "VectorIndex", "index")
        check(f"{name}/{column}", index.shape[0] == rows, "rows of the index")
        check(f"{name}/{column}", index[-1] == table[column].shape[0], "last end")
        check(f"{name}/{column}", bool(np.all(np.diff(index[:].astype(np.int64)) >= 0)), "ends fall")
        check(f"{name}/{column}", file[index.attrs["target"]] == table[column], "target")


def check_region(name, region):
    table = file[region.attrs["table"]]
    check(name, kind(table) == "DynamicTable", "table")
    check(name, bool(np.all(region[:] >= 0)) and bool(np.all(region[:] < table["id"].shape[0])), "rows")


def check_series(name, series):
    check(name, "unit" in series["data"].attrs, "unit")
    if "timestamps" in series:
        check(name, series["timestamps"].shape[0] == series["data"].shape[0], "timestamps")
        check(name, series["timestamps"].attrs["unit"] == "seconds", "unit of time")
    else:
        check(name, series["starting_time"].attrs["unit"] == "seconds", "unit of time")
        check(name, series["starting_time"].attrs["rate"] > 0, "rate")
    if kind(series) == "ElectricalSeries":
        check(name, series["data"].attrs["unit"] == "volts", "volts")
        check(name, series["electrodes"].shape[0] == series["data"].shape[1], "electrodes")


def visit(name, node):
    check_typed(name, node)
    if kind(node) in TABLES:
        check_table(name, node)
    if kind(node) == "DynamicTableRegion":
        check_region(name, node)
    if kind(node) in {"ElectricalSeries", "TimeSeries"}:
        check_series(name, node)
    if kind(node) == "ElectrodeGroup":
        check(name, kind(node["device"]) == "Device", "device")
        check(name, isinstance(node.get("device", getlink=True), h5py.SoftLink), "soft link")


check_typed("/", file)
file.visititems(visit)
for name in ["acquisition", "analysis", "processing", "stimulus/presentation", "stimulus/templates", "general"]:
    check(name, name in file, "missing")
check("file_create_date", file["file_create_date"].ndim == 1, "shape")
for name in ["identifier", "session_description", "session_start_time", "timestamps_reference_time"]:
    check(name, file[name].shape == (), "shape")
check("object ids", len(set(ids)) == len(ids), "twice")
electrodes = file["general/extracellular_ephys/electrodes"]
check("electrodes/group", all(kind(file[each]) == "ElectrodeGroup" for each in electrodes["group"][:]), "groups")


def plain(dataset):
    values = dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
    return values.tolist() if hasattr(values, "tolist") else values


def volts(series):
    data = series["data"]
    return (data[:] * data.attrs["conversion"] + data.attrs["offset"]).ravel().tolist()


table = {name: plain(file["intervals/trials"][name]) for name in file["intervals/trials"].attrs["colnames"]}
ends = file["units/spike_times_index"][:].tolist()
times = file["units/spike_times"][:].tolist()
starts = [0, *ends[:-1]]
print(
    json.dumps(
        {
            "wrong": wrong,
            "identifier": plain(file["identifier"]),
            "volts": [volts(series) for series in file["acquisition"].values()],
            "starts": [series["starting_time"][()] for series in file["acquisition"].values()],
            "units": [times[start:end] for start, end in zip(starts, ends)],
            "trials": table,
            "w1": plain(file["processing/model/strengths/w1"]),
            "pulses": plain(file["stimulus/presentation/pulses/data"]),
        }
    )
)
