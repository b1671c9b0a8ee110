"""Validates an NWB file with pynwb and prints what it says, for exports.test.ts."""

import json
import sys

import pynwb

with pynwb.NWBHDF5IO(sys.argv[1], "r") as io:
    errors = [str(error) for error in pynwb.validate(io=io)]
with pynwb.NWBHDF5IO(sys.argv[1], "r") as io:
    file = io.read()
    print(
        json.dumps(
            {
                "errors": errors,
                "pattern": [str(pattern) for pattern in file.trials["pattern"][:]],
                "units": [file.units["spike_times"][i].tolist() for i in range(len(file.units))],
            }
        )
    )
