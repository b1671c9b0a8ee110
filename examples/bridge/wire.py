"""MEA-Link on the wire: Protocol Buffers by hand, and the checksum. Nothing but the standard library.

The tables below are protocols/mea-link/mea_link.proto, message by message.
"""

import struct

# kind: u uint32/uint64/enum, s sint32, b bool, d double, f fixed32, B bytes, S string, else the name of a message;
# a leading * means repeated.
HOST = {
    "HostMessage": {1: ("sequence", "f"), 2: ("command", "Command"), 3: ("heartbeat", "HostHeartbeat")},
    "HostHeartbeat": {1: ("token", "B"), 2: ("progress", "u"), 3: ("armed_for_ms", "u")},
    "Command": {
        1: ("command_id", "u"),
        2: ("hello", "Hello"),
        3: ("configure", "Configure"),
        4: ("start", "Empty"),
        5: ("stop", "Empty"),
        6: ("rest", "Rest"),
        7: ("upload_pattern", "Upload"),
        8: ("trigger", "Trigger"),
        9: ("cancel", "Cancel"),
        10: ("abort", "Empty"),
        11: ("arm", "Arm"),
        12: ("disarm", "Empty"),
        13: ("measure_impedance", "Measure"),
        14: ("resume", "Resume"),
        15: ("status", "Empty"),
    },
    "Empty": {},
    "Hello": {1: ("major", "u"), 2: ("minor", "u"), 3: ("client", "S"), 4: ("client_id", "B")},
    "Configure": {1: ("block_frames", "u"), 2: ("safety_profile", "B")},
    "Rest": {1: ("duration_samples", "u")},
    "Upload": {1: ("slot", "u"), 2: ("pulses", "*Pulse")},
    "Pulse": {1: ("electrode", "u"), 2: ("phases", "*Phase")},
    "Phase": {1: ("current_na", "s"), 2: ("duration_ns", "u")},
    "Trigger": {1: ("stimulus_id", "u"), 2: ("slot", "u"), 3: ("now", "b"), 4: ("sample", "u"), 5: ("token", "B")},
    "Cancel": {1: ("stimulus_id", "u")},
    "Arm": {1: ("token", "B"), 2: ("serial_number", "S"), 3: ("profile_hash", "B")},
    "Measure": {1: ("electrodes", "*u"), 2: ("frequency_hz", "d")},
    "Resume": {1: ("boot_id", "f"), 2: ("from_sequence", "f")},
    "SafetyProfile": {
        1: ("name", "S"),
        2: ("source", "S"),
        3: ("electrodes", "*ElectrodeSafety"),
        4: ("impedance_age_s", "d"),
        5: ("max_impedance_age_s", "d"),
        6: ("max_current_ua", "d"),
        7: ("min_phase_us", "d"),
        8: ("max_phase_us", "d"),
        9: ("max_phases", "u"),
        10: ("max_charge_per_phase_nc", "d"),
        11: ("max_charge_density_uc_per_cm2", "d"),
        12: ("max_imbalance", "d"),
        13: ("net_charge_budget_nc", "d"),
        14: ("leading_polarity", "u"),
        15: ("min_interphase_gap_us", "d"),
        16: ("compliance_v", "d"),
        17: ("min_interval_ms", "d"),
        18: ("max_rate_hz", "d"),
        19: ("max_duty", "d"),
        20: ("max_charge_per_second_nc", "d"),
        21: ("max_simultaneous", "u"),
        22: ("max_summed_current_ua", "d"),
        23: ("max_stimuli_per_session", "u"),
        24: ("max_charge_per_session_nc", "d"),
    },
    "ElectrodeSafety": {
        1: ("electrode", "u"),
        2: ("area_um2", "d"),
        3: ("impedance_ohm", "d"),
        4: ("masked", "b"),
    },
}

DEVICE = {
    "DeviceMessage": {
        1: ("sequence", "f"),
        2: ("block", "Block"),
        3: ("reply", "Reply"),
        4: ("heartbeat", "DeviceHeartbeat"),
        5: ("rested", "Rested"),
        6: ("stimulus_delivered", "Delivered"),
        7: ("stimulus_dropped", "Dropped"),
        8: ("armed_changed", "ArmedChanged"),
        11: ("stream_started", "StreamStarted"),
        12: ("stream_ended", "StreamEnded"),
    },
    "Reply": {
        1: ("command_id", "u"),
        2: ("done", "Empty"),
        3: ("hello", "HelloResult"),
        4: ("scheduled", "Scheduled"),
        5: ("configured", "Configured"),
        6: ("impedances", "Impedances"),
        7: ("resumed", "Resumed"),
        8: ("status", "Status"),
        9: ("refused", "Refused"),
    },
    "Empty": {},
    "HelloResult": {
        1: ("capabilities", "Capabilities"),
        2: ("boot_id", "f"),
        3: ("next_data_sequence", "f"),
        4: ("oldest_data_sequence", "f"),
        5: ("newest_stimulus_id", "u"),
    },
    "Scheduled": {1: ("sample", "u")},
    "Configured": {1: ("profile_hash", "B"), 2: ("block_frames", "u")},
    "Impedances": {1: ("frequency_hz", "d"), 2: ("values", "*Impedance")},
    "Impedance": {1: ("electrode", "u"), 2: ("magnitude_ohm", "d"), 3: ("phase_degrees", "d")},
    "Resumed": {1: ("from_sequence", "f"), 2: ("next_sequence", "f")},
    "Status": {
        1: ("state", "u"),
        2: ("armed", "b"),
        3: ("next_sample", "u"),
        4: ("scheduled_stimuli", "u"),
        5: ("next_data_sequence", "f"),
    },
    "Refused": {1: ("reason", "u"), 2: ("rule", "u"), 3: ("message", "S")},
    "Capabilities": {
        1: ("device", "S"),
        2: ("serial_number", "S"),
        3: ("firmware", "S"),
        4: ("major", "u"),
        5: ("minor", "u"),
        6: ("emulated", "b"),
        7: ("channels", "u"),
        8: ("sample_rate_hz", "d"),
        9: ("gain_uv_per_bit", "d"),
        10: ("max_block_frames", "u"),
        11: ("stimulation", "Stimulation"),
        12: ("watchdog_ms", "u"),
        13: ("heartbeat_ms", "u"),
        14: ("ring_ms", "u"),
        15: ("can_measure_impedance", "b"),
    },
    "Stimulation": {
        1: ("electrodes", "*u"),
        2: ("current_step_ua", "d"),
        3: ("max_current_ua", "d"),
        4: ("time_step_us", "d"),
        5: ("max_phases", "u"),
        6: ("slots", "u"),
        7: ("queue_length", "u"),
        8: ("scheduling", "u"),
        9: ("delivery", "u"),
        10: ("max_ahead_ms", "u"),
    },
    "DeviceHeartbeat": {1: ("next_data_sequence", "f"), 2: ("next_sample", "u"), 3: ("state", "u"), 4: ("armed", "b")},
    "Block": {1: ("first_sample", "u"), 2: ("channels", "u"), 3: ("frames", "u"), 4: ("samples", "B")},
    "Rested": {1: ("from_sample", "u"), 2: ("to_sample", "u")},
    "Delivered": {1: ("stimulus_id", "u"), 2: ("sample", "u"), 3: ("slot", "u"), 4: ("electrodes", "*u")},
    "Dropped": {1: ("stimulus_id", "u"), 2: ("at_sample", "u"), 3: ("reason", "u"), 4: ("message", "S")},
    "ArmedChanged": {1: ("at_sample", "u"), 2: ("armed", "b"), 3: ("cause", "u")},
    "StreamStarted": {1: ("first_sample", "u")},
    "StreamEnded": {1: ("end_sample", "u"), 2: ("blocks", "u"), 3: ("frames", "u"), 4: ("samples_crc32c", "f")},
}

STATES = ["", "idle", "ready", "running"]
REASONS = ["", "unknown-command", "version", "not-controller", "bad-argument", "wrong-state", "not-configured",
           "not-armed", "bad-token", "wrong-device", "wrong-profile", "safety", "empty-slot", "late", "too-far-ahead",
           "stale-id", "queue-full", "unsupported", "device-fault"]
RULES = ["", "schema", "finite", "armed", "electrode", "phase-count", "current", "phase-width", "charge",
         "charge-density", "balance", "net-charge", "polarity", "interphase-gap", "impedance", "compliance", "interval",
         "rate", "duty", "charge-rate", "simultaneous", "summed-current", "session-stimuli", "session-charge"]
DROPS = ["", "cancelled", "aborted", "disarmed", "stopped", "safety", "device-fault"]
CAUSES = ["", "command", "watchdog", "armed-time", "link-lost", "abort", "stopped", "reconfigured", "device-fault"]


class BadMessage(Exception):
    """Bytes that are no message."""


def encode(schema, name, value):
    """A dict as the bytes of a message; keys that are not there are left out."""
    out = bytearray()
    for number, (key, kind) in schema[name].items():
        if value.get(key) is None:
            continue
        items = value[key] if kind[0] == "*" else [value[key]]
        for item in items:
            out += _encode_field(schema, number, kind.lstrip("*"), item)
    return bytes(out)


def decode(schema, name, data, strict=False):
    """The bytes of a message as a dict. Fields that are not known are passed over, or refused where `strict`."""
    fields = schema[name]
    value = {key: [] for key, kind in fields.values() if kind[0] == "*"}
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise BadMessage("field 0")
        raw, at = _read_raw(data, at, wire_type)
        if number not in fields:
            if strict:
                raise BadMessage(f"unknown field {number}")
            continue
        key, kind = fields[number]
        items = _decode_field(schema, kind, wire_type, raw, strict)
        if kind[0] == "*":
            value[key] += items
        else:
            value[key] = items[-1]
    return value


def _encode_field(schema, number, kind, item):
    if kind == "d":
        return _varint(number << 3 | 1) + struct.pack("<d", item)
    if kind == "f":
        return _varint(number << 3 | 5) + struct.pack("<I", item & 0xFFFFFFFF)
    if kind == "u":
        return _varint(number << 3) + _varint(item)
    if kind == "s":
        return _varint(number << 3) + _varint(2 * item if item >= 0 else -2 * item - 1)
    if kind == "b":
        return _varint(number << 3) + _varint(1 if item else 0)
    body = item.encode() if kind == "S" else bytes(item) if kind == "B" else encode(schema, kind, item)
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _decode_field(schema, kind, wire_type, raw, strict):
    plain = kind.lstrip("*")
    if kind == "*u" and wire_type == 2:
        items, at = [], 0
        while at < len(raw):
            item, at = _read_varint(raw, at)
            items.append(item)
        return items
    wanted = {"d": 1, "f": 5, "u": 0, "s": 0, "b": 0}.get(plain, 2)
    if wire_type != wanted:
        raise BadMessage(f"wire type {wire_type}")
    if plain == "d":
        return [struct.unpack("<d", raw)[0]]
    if plain == "f":
        return [struct.unpack("<I", raw)[0]]
    if plain == "u":
        return [raw]
    if plain == "s":
        return [raw >> 1 if raw & 1 == 0 else -(raw >> 1) - 1]
    if plain == "b":
        return [raw != 0]
    if plain == "B":
        return [bytes(raw)]
    if plain == "S":
        try:
            return [bytes(raw).decode()]
        except UnicodeDecodeError as error:
            raise BadMessage("no UTF-8") from error
    return [decode(schema, plain, raw, strict)]


def _read_raw(data, at, wire_type):
    if wire_type == 0:
        return _read_varint(data, at)
    if wire_type == 2:
        length, at = _read_varint(data, at)
    else:
        length = {1: 8, 5: 4}.get(wire_type)
    if length is None or at + length > len(data):
        raise BadMessage("cut short")
    return data[at:at + length], at + length


def _varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise BadMessage("cut short")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise BadMessage("a number too long")


def _make_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _make_table()


def crc32c(data, crc=0):
    """CRC-32C; give the last result to go on."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def put_frame(message):
    """A ZeroMQ frame: the message and its checksum."""
    return message + struct.pack("<I", crc32c(message))


def take_frame(frame):
    """The message of a ZeroMQ frame, or None when its checksum is wrong."""
    message = frame[:-4]
    if len(frame) < 4 or struct.unpack("<I", frame[-4:])[0] != crc32c(message):
        return None
    return message
