"""What a vendor's SDK has to give. Fill in `VendorDevice` for yours; `FakeVendor` shows how and needs no hardware."""

import math
import struct
import time


class VendorDevice:
    """One instrument. Samples are int16, little-endian, frame by frame: all channels of one moment, then of the next."""

    name = "vendor's name of the device"
    serial_number = "its own serial number"
    firmware = "its version"
    # Leave it: only a device that does not exist says True, and is then stimulated without being asked.
    emulated = False
    channels = 0
    sample_rate_hz = 20_000.0
    gain_uv_per_bit = 0.195
    # Electrodes with a stimulation output, rising, and the steps of the outputs.
    electrodes = []
    current_step_ua = 0.1
    max_current_ua = 100.0
    time_step_us = 10.0
    max_phases = 3
    can_measure_impedance = False

    def start(self):
        """Acquisition begins."""
        raise NotImplementedError

    def stop(self):
        """Acquisition ends."""
        raise NotImplementedError

    def available(self):
        """Frames that can be read now."""
        raise NotImplementedError

    def read(self, frames):
        """That many of them, as bytes."""
        raise NotImplementedError

    def stimulate(self, pulses):
        """Pulses begin at the frame that is read next. Each: electrode, [(steps of current, steps of time), ...].

        Called when that frame is due. An SDK with a hardware clock should be given the sample instead, ahead of time.
        """
        raise NotImplementedError

    def stop_stimulation(self):
        """No further pulse begins; one that flows is completed or its electrode is shorted."""
        raise NotImplementedError

    def impedance(self, electrode, frequency_hz):
        """Magnitude in ohm, phase in degrees."""
        raise NotImplementedError


class FakeVendor(VendorDevice):
    """A sine on every channel, in real time; pulses are counted and go nowhere."""

    name = "fake vendor"
    serial_number = "fake-1"
    firmware = "fake 1.0"
    # No electrode is behind it. Never copy this line into a class for a real device: `meactl check` arms and stimulates
    # whatever calls itself emulated.
    emulated = True
    channels = 8
    sample_rate_hz = 10_000.0
    electrodes = [0, 2, 4, 6]
    can_measure_impedance = True

    _PERIOD = 100

    def __init__(self):
        frames = []
        for frame in range(self._PERIOD):
            value = round(1000 * math.sin(2 * math.pi * frame / self._PERIOD))
            frames.append(struct.pack(f"<{self.channels}h", *([value] * self.channels)))
        self._frames = frames
        self._position = 0
        self._started = None
        self._read = 0
        self.stimulated = 0

    def start(self):
        self._started = time.monotonic()
        self._read = 0

    def stop(self):
        self._started = None

    def available(self):
        if self._started is None:
            return 0
        return int((time.monotonic() - self._started) * self.sample_rate_hz) - self._read

    def read(self, frames):
        out = b"".join(self._frames[(self._position + k) % self._PERIOD] for k in range(frames))
        self._position += frames
        self._read += frames
        return out

    def stimulate(self, pulses):
        self.stimulated += len(pulses)

    def stop_stimulation(self):
        pass

    def impedance(self, electrode, frequency_hz):
        return 100_000.0 + electrode, -60.0
