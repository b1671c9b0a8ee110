"""Prints band-passes as scipy designs and applies them, for scipy-band-pass.test.ts.

    band_pass_vectors.py SAMPLES > band-pass-vectors.json

made the file beside it with SAMPLES = 120. Input: whole numbers from a linear congruential generator, on an offset.
"""

import json
import sys

import numpy as np
import scipy.signal


def whole_numbers(count, seed):
    state, out = seed, []
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2**31
        out.append(state // 2**16 % 129 - 64 + 500)
    return out


def cascade(low, high, orders, rate):
    """A high-pass and a low-pass as one cascade, as scipy pairs its poles and zeros."""
    z1, p1, k1 = scipy.signal.butter(orders[0], low, "highpass", fs=rate, output="zpk")
    z2, p2, k2 = scipy.signal.butter(orders[1], high, "lowpass", fs=rate, output="zpk")
    return scipy.signal.zpk2sos(np.concatenate([z1, z2]), np.concatenate([p1, p2]), k1 * k2)


count = int(sys.argv[1])
designs = [
    ({"type": "cascade", "lowHz": 300, "highHz": 3000}, 20000, cascade(300, 3000, (2, 2), 20000)),
    ({"type": "cascade", "lowHz": 300, "highHz": 3000}, 30000, cascade(300, 3000, (2, 2), 30000)),
    (
        {"type": "cascade", "lowHz": 250, "highHz": 6000, "highPassOrder": 4, "lowPassOrder": 2},
        25000,
        cascade(250, 6000, (4, 2), 25000),
    ),
    (
        {"type": "cascade", "lowHz": 300, "highHz": 5000, "highPassOrder": 3, "lowPassOrder": 1},
        20000,
        cascade(300, 5000, (3, 1), 20000),
    ),
    (
        {"type": "band-pass", "lowHz": 300, "highHz": 3000, "order": 3},
        20000,
        scipy.signal.butter(3, [300, 3000], "bandpass", fs=20000, output="sos"),
    ),
    (
        {"type": "band-pass", "lowHz": 400, "highHz": 7000, "order": 8},
        30000,
        scipy.signal.butter(8, [400, 7000], "bandpass", fs=30000, output="sos"),
    ),
]
cases = []
for seed, (band, rate, sos) in enumerate(designs, 1):
    values = whole_numbers(count, seed)
    start = scipy.signal.sosfilt_zi(sos) * values[0]
    filtered, _ = scipy.signal.sosfilt(sos, np.asarray(values, dtype=np.float64), zi=start)
    frequencies = np.array([0.001, 0.01, 0.03, 0.1, 0.3, 0.45]) * rate
    _, response = scipy.signal.sosfreqz(sos, worN=frequencies, fs=rate)
    cases.append(
        {
            "band": band,
            "sampleRateHz": rate,
            "sections": sos.tolist(),
            "input": values,
            "start": start.ravel().tolist(),
            "output": filtered.tolist(),
            "frequenciesHz": frequencies.tolist(),
            "gains": np.abs(response).tolist(),
        }
    )
json.dump(cases, sys.stdout)
