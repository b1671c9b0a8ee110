"""Prints a BrainVision recording as MNE reads it, for exports.test.ts."""

import json
import sys

import mne

raw = mne.io.read_raw_brainvision(sys.argv[1], preload=True, verbose="error")
print(
    json.dumps(
        {
            "rate": raw.info["sfreq"],
            "channels": raw.ch_names,
            "start": raw.info["meas_date"].isoformat(),
            "volts": raw.get_data().T.ravel().tolist(),
            "annotations": [
                [round(onset * raw.info["sfreq"]), round(duration * raw.info["sfreq"]), description]
                for onset, duration, description in zip(
                    raw.annotations.onset, raw.annotations.duration, raw.annotations.description
                )
            ],
        }
    )
)
