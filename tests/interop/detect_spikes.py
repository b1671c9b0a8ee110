"""Finds spikes in a raw recording with numpy and scipy alone, by docs/pipeline.md: written apart from the program.

    detect_spikes.py RECORDING SETTINGS > findings.json

RECORDING: int16, little-endian, (frames, channels). SETTINGS: JSON with channels, sampleRateHz, gainUv, lowHz, highHz,
threshold, searchMs, deadMs, ringMs, ringShare, gateSigma, gateMs, from (first sample that counts), and, if the noise is
known, noiseUv (channels). Else the noise is the median of |y| / 0.6745 over the samples from `from` on that are not within
gateMs after one beyond gateSigma, made anew until it stays.
"""

import json
import sys

import numpy as np
from scipy import signal

MEDIAN_OF_SIGMA = 0.6744897501960817


def frames_of(ms, rate):
    return max(1, int(np.floor(ms * rate / 1000 + 0.5)))


def estimate_noise(y, gate_sigma, gate_frames):
    sigma = np.median(np.abs(y)) / MEDIAN_OF_SIGMA
    for _ in range(20):
        loud = np.abs(y) > gate_sigma * sigma
        shut = np.convolve(loud, np.ones(gate_frames))[: len(y)] > 0.5
        before, sigma = sigma, np.median(np.abs(y[~shut])) / MEDIAN_OF_SIGMA
        if sigma == before:
            break
    return sigma


def find_spikes(y, limit, settings, rate):
    search = frames_of(settings["searchMs"], rate)
    dead = frames_of(settings["deadMs"], rate)
    ring = frames_of(settings["ringMs"], rate)
    share = settings["ringShare"]
    height = -y
    found = []
    free_from = 0  # end of the dead time
    ring_size, ring_at = 0.0, -ring  # what rings, and since when
    skip_to = 0  # end of the last search
    for i in np.flatnonzero(height > limit):
        if i < skip_to:
            continue
        least = ring_size * share * max(0.0, 1 - (i - ring_at) / ring)
        is_rising = i > 0 and height[i] > height[i - 1]
        if i >= free_from and is_rising and height[i] > least:
            if i + search > len(y):
                break
            peak = i + int(np.argmax(height[i : i + search]))
            found.append(peak)
            free_from, skip_to = peak + dead, i + search
            ring_size, ring_at = height[peak], peak
        elif height[i] * share > least:
            ring_size, ring_at = height[i], i
    return found


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        settings = json.load(file)
    channels, rate = settings["channels"], settings["sampleRateHz"]
    raw = np.fromfile(sys.argv[1], dtype="<i2").reshape(-1, channels)
    sections = np.vstack(
        [
            signal.butter(2, settings["highHz"], "lowpass", fs=rate, output="sos"),
            signal.butter(2, settings["lowHz"], "highpass", fs=rate, output="sos"),
        ]
    )
    start = signal.sosfilt_zi(sections)
    result = {"noiseUv": [], "samples": [], "electrodes": [], "amplitudesUv": []}
    for channel in range(channels):
        x = raw[:, channel] * settings["gainUv"]
        y, _ = signal.sosfilt(sections, x, zi=start * x[0])
        if "noiseUv" in settings:
            noise = settings["noiseUv"][channel]
        else:
            noise = estimate_noise(y[settings["from"] :], settings["gateSigma"], frames_of(settings["gateMs"], rate))
        result["noiseUv"].append(float(noise))
        for peak in find_spikes(y, settings["threshold"] * noise, settings, rate):
            if peak < settings["from"]:
                continue
            result["samples"].append(int(peak))
            result["electrodes"].append(channel)
            result["amplitudesUv"].append(float(y[peak]))
    json.dump(result, sys.stdout)


main()
