"""Prints a BrainVision recording as Neo reads it, for exports.test.ts."""

import json
import sys

import neo

reader = neo.rawio.BrainVisionRawIO(filename=sys.argv[1])
reader.parse_header()
raw = reader.get_analogsignal_chunk(stream_index=0)
scaled = reader.rescale_signal_raw_to_float(raw, dtype="float64", stream_index=0)
events = []
for index, channel in enumerate(reader.header["event_channels"]):
    times, _, labels = reader.get_event_timestamps(event_channel_index=index)
    events += [[str(channel["name"]), int(time), str(label)] for time, label in zip(times, labels)]
print(
    json.dumps(
        {
            "rate": float(reader.get_signal_sampling_rate()),
            "channels": [str(name) for name in reader.header["signal_channels"]["name"]],
            "units": sorted({str(units) for units in reader.header["signal_channels"]["units"]}),
            "raw": raw.ravel().tolist(),
            "microvolts": scaled.ravel().tolist(),
            "events": events,
        }
    )
)
