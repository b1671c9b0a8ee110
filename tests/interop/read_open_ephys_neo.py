# Prints what Neo reads of a recording's Open Ephys binary folder, as JSON: samples, where they begin, stimuli.
import json
import sys

import numpy as np
from neo.rawio import OpenEphysBinaryRawIO

reader = OpenEphysBinaryRawIO(dirname=sys.argv[1])
reader.parse_header()
channels = reader.header["signal_channels"]
segments = []
for index in range(reader.segment_count(0)):
    frames = reader.get_signal_size(0, index, 0)
    samples = reader.get_analogsignal_chunk(0, index, 0, frames, stream_index=0)
    events = []
    if len(reader.header["event_channels"]) > 0:
        times, durations, _ = reader.get_event_timestamps(0, index, 0)
        seconds = reader.rescale_event_timestamp(times)
        events = [[float(a), float(b)] for a, b in zip(seconds, durations)]
    segments.append(
        {
            "start": float(reader.get_signal_t_start(0, index, 0)),
            "samples": np.asarray(samples).astype(int).reshape(-1).tolist(),
            "events": events,
        }
    )
print(
    json.dumps(
        {
            "rate": float(channels["sampling_rate"][0]),
            "gains": [float(gain) for gain in channels["gain"]],
            "units": sorted({str(unit) for unit in channels["units"]}),
            "segments": segments,
        }
    )
)
