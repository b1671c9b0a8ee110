"""The MEA-Link device around a vendor's SDK: states, arming, queue, ring. It has no sockets; bridge.py has."""

import hmac
import os
import time
from collections import deque

import wire
from safety import SafetyCheck, read_profile, to_steps

WATCHDOG_MS = 100
HEARTBEAT_MS = 50
RING_MS = 3000
SLOTS = 16
QUEUE_LENGTH = 16
MAX_AHEAD_MS = 2000
REMEMBERED = 256
CONTROLLER_SILENCE_S = 1.0
DROP_OF_CAUSE = {"abort": "aborted", "stopped": "stopped", "device-fault": "device-fault"}


class Refused(Exception):
    """A command that is not carried out, and why."""

    def __init__(self, reason, message, rule=None):
        super().__init__(message)
        self.reason, self.message, self.rule = reason, message, rule


def refusal(refused):
    rule = None if refused.rule is None else wire.RULES.index(refused.rule)
    return {"refused": {"reason": wire.REASONS.index(refused.reason), "rule": rule, "message": refused.message}}


class Device:
    """One device. `send_control(peer, bytes)` and `send_data(bytes)` are given by whoever has the sockets."""

    def __init__(self, vendor, send_control, send_data):
        self.vendor = vendor
        self.send_control = send_control
        self.send_data = send_data
        self.boot_id = int.from_bytes(os.urandom(4), "little")
        self.state = "idle"
        self.profile_hash = None
        self.safety = None
        self.slots = {}
        self.queue = []  # (sample, stimulus id, slot, pulses), by sample
        self.newest_stimulus = 0
        self.token = None
        self.heard_token_at = self.armed_until = 0.0
        self.next_sample = 0
        # The clock of the safety windows, in samples: the sample counter plus this. It runs on while the counter stands,
        # and does not jump with it at a rest.
        self.clock_offset = 0
        self.standing_since = time.monotonic()
        self.block, self.block_frames, self.filled = bytearray(), 20, 0
        self.blocks = self.frames = self.crc = 0
        self.ring = deque()  # (index, bytes, time)
        self.next_index = 0
        self.cursor = None
        self.control_sequences = {}  # peer -> number of its next message on the control lane
        self.peers = {}  # peer -> client id, None before hello
        self.controller = None
        self.controller_heard_at = 0.0
        self.last_client = None
        self.replies = {}
        self.newest_command = 0
        self.next_beat = 0.0

    # ---- what comes in -------------------------------------------------------------------------------------------

    def connect(self, peer):
        self.peers.setdefault(peer, None)

    def lose(self, peer, reason):
        self.peers.pop(peer, None)
        self.control_sequences.pop(peer, None)
        if peer == self.controller:
            self.controller = self.cursor = None
            self.disarm("link-lost", reason)

    def receive(self, peer, data):
        try:
            message = wire.decode(wire.HOST, "HostMessage", data)
        except wire.BadMessage:
            return
        if peer == self.controller:
            self.controller_heard_at = time.monotonic()
        if "heartbeat" in message:
            self.hear(peer, message["heartbeat"])
        elif "command" in message:
            command = message["command"]
            result = self.answer(peer, command)
            self.control({"reply": {"command_id": command.get("command_id", 0), **result}}, peer)
        self.pump()

    def hear(self, peer, heartbeat):
        if peer != self.controller or self.token is None:
            return
        if not hmac.compare_digest(heartbeat.get("token", b""), self.token):
            return
        self.heard_token_at = time.monotonic()
        self.armed_until = self.heard_token_at + heartbeat.get("armed_for_ms", 0) / 1000

    def answer(self, peer, command):
        try:
            name = next((key for key in command if key != "command_id"), None)
            if name is None:
                raise Refused("unknown-command", "no command of this version")
            if name == "abort":
                return self.abort()
            if name == "hello":
                return self.hello(peer, command)
            if name == "status":
                return self.status()
            if peer != self.controller:
                raise Refused("not-controller", "say hello first; a device has one controller")
            command_id = command.get("command_id", 0)
            if command_id in self.replies:
                return self.replies[command_id]
            if command_id <= self.newest_command:
                raise Refused("stale-id", f"command {command_id} after {self.newest_command}")
            try:
                result = getattr(self, name)(command[name])
            except Refused as refused:
                result = refusal(refused)
            self.remember(command_id, result)
            return result
        except Refused as refused:
            return refusal(refused)

    def remember(self, command_id, result):
        self.newest_command = max(self.newest_command, command_id)
        self.replies[command_id] = result
        while len(self.replies) > REMEMBERED:
            self.replies.pop(next(iter(self.replies)))

    # ---- commands ------------------------------------------------------------------------------------------------

    def hello(self, peer, command):
        hello = command["hello"]
        client = hello.get("client_id", b"")
        if len(client) != 16:
            raise Refused("bad-argument", "a client id has 16 bytes")
        if hello.get("major", 0) != 1:
            raise Refused("version", f"protocol {hello.get('major', 0)}: this device speaks 1")
        known = client == self.last_client
        if self.controller not in (None, peer):
            if not known and time.monotonic() - self.controller_heard_at < CONTROLLER_SILENCE_S:
                raise Refused("not-controller", "another controller is connected")
            self.lose(self.controller, "replaced by a new link")
        if not known:
            self.replies.clear()
            self.newest_command = 0
            # Its patterns are its own: a new controller finds empty slots, but not an empty history.
            self.slots.clear()
        # Nobody inherits an armed device.
        self.disarm("link-lost", "a controller said hello")
        if self.peers.get(peer) != client:
            self.cursor = None if known else self.next_index
        self.peers[peer] = client
        self.controller, self.last_client = peer, client
        self.controller_heard_at = time.monotonic()
        result = {
            "hello": {
                "capabilities": self.capabilities(),
                "boot_id": self.boot_id,
                "next_data_sequence": self.next_index if self.cursor is None else self.cursor,
                "oldest_data_sequence": self.oldest(),
                "newest_stimulus_id": self.newest_stimulus,
            }
        }
        self.remember(command.get("command_id", 0), result)
        return result

    def capabilities(self):
        vendor = self.vendor
        return {
            "device": vendor.name,
            "serial_number": vendor.serial_number,
            "firmware": vendor.firmware,
            "major": 1,
            "minor": 0,
            "emulated": vendor.emulated,
            "channels": vendor.channels,
            "sample_rate_hz": vendor.sample_rate_hz,
            "gain_uv_per_bit": vendor.gain_uv_per_bit,
            "max_block_frames": self.max_block_frames(),
            "stimulation": {
                "electrodes": vendor.electrodes,
                "current_step_ua": vendor.current_step_ua,
                "max_current_ua": vendor.max_current_ua,
                "time_step_us": vendor.time_step_us,
                "max_phases": vendor.max_phases,
                "slots": SLOTS,
                "queue_length": QUEUE_LENGTH,
                "scheduling": 1,
                "delivery": 1,
                "max_ahead_ms": MAX_AHEAD_MS,
            },
            "watchdog_ms": WATCHDOG_MS,
            "heartbeat_ms": HEARTBEAT_MS,
            "ring_ms": RING_MS,
            "can_measure_impedance": vendor.can_measure_impedance,
        }

    def max_block_frames(self):
        return max(1, min(1000, 65_000 // (2 * max(1, self.vendor.channels))))

    def configure(self, command):
        if self.state == "running":
            raise Refused("wrong-state", "stop the acquisition before configuring")
        frames = command.get("block_frames", 0)
        if not 1 <= frames <= self.max_block_frames():
            raise Refused("bad-argument", f"blockFrames {frames}: 1 to {self.max_block_frames()}")
        try:
            profile, profile_hash = read_profile(command.get("safety_profile", b""))
        except wire.BadMessage as error:
            raise Refused("bad-argument", f"safety profile: {error}") from error
        self.disarm("reconfigured", "configured anew")
        self.profile_hash = profile_hash
        # What left before still counts.
        self.safety = SafetyCheck(profile, self.vendor, self.safety)
        self.slots.clear()
        self.block_frames = frames
        self.state = "ready"
        return {"configured": {"profile_hash": profile_hash, "block_frames": frames}}

    def start(self, _):
        if self.state == "idle":
            raise Refused("not-configured", "send configure first")
        if self.state == "running":
            raise Refused("wrong-state", "the device is acquiring already")
        self.blocks = self.frames = self.crc = 0
        self.clock_offset += int((time.monotonic() - self.standing_since) * self.vendor.sample_rate_hz)
        self.vendor.start()
        self.state = "running"
        self.data({"stream_started": {"first_sample": self.next_sample}})
        return {"done": {}}

    def stop(self, _):
        self.want_running()
        self.disarm("stopped", "the acquisition was stopped")
        self.vendor.stop()
        self.standing_since = time.monotonic()
        self.flush()
        self.state = "ready"
        ended = {"blocks": self.blocks, "frames": self.frames, "samples_crc32c": self.crc}
        self.data({"stream_ended": {"end_sample": self.next_sample, **ended}})
        return {"done": {}}

    def rest(self, command):
        self.want_running()
        samples = command.get("duration_samples", 0)
        if samples < 1:
            raise Refused("bad-argument", "a rest takes at least one sample")
        if self.queue:
            raise Refused("wrong-state", f"{len(self.queue)} stimuli are waiting")
        self.flush()
        before = self.next_sample
        self.next_sample += samples
        self.clock_offset -= samples
        self.safety.start_session()
        self.data({"rested": {"from_sample": before, "to_sample": self.next_sample}})
        return {"done": {}}

    def upload_pattern(self, command):
        if self.safety is None:
            raise Refused("not-configured", "no safety profile: send configure first")
        slot = command.get("slot", 0)
        if slot >= SLOTS:
            raise Refused("bad-argument", f"slot {slot}: 0 to {SLOTS - 1}")
        pulses = to_steps(command["pulses"], self.vendor)
        if len({electrode for electrode, _phases in pulses}) < len(pulses):
            raise Refused("bad-argument", "an electrode comes twice")
        for asked, (_electrode, phases) in zip(command["pulses"], pulses):
            for phase, (level, _ticks) in zip(asked["phases"], phases):
                if phase.get("current_na", 0) != 0 and level == 0:
                    raise Refused("safety", "a current below half a step", "current")
        self.want_safe(self.safety.check_pulses(pulses))
        self.slots[slot] = pulses
        return {"done": {}}

    def trigger(self, command):
        self.want_running()
        if self.token is None:
            raise Refused("not-armed", "arm the device first; it never arms itself")
        if not hmac.compare_digest(command.get("token", b""), self.token):
            raise Refused("bad-token", "armed with another token")
        slot, stimulus_id = command.get("slot", 0), command.get("stimulus_id", 0)
        if slot not in self.slots:
            raise Refused("empty-slot", f"slot {slot} holds no pattern")
        if stimulus_id <= self.newest_stimulus:
            raise Refused("stale-id", f"stimulus {stimulus_id} after {self.newest_stimulus}")
        sample = self.due_sample(command)
        if len(self.queue) >= QUEUE_LENGTH:
            raise Refused("queue-full", f"{len(self.queue)} stimuli are waiting")
        pulses = self.slots[slot]
        tick = sample + self.clock_offset
        self.want_safe(self.safety.check(pulses, tick, (sample - self.next_sample) / self.vendor.sample_rate_hz))
        self.newest_stimulus = stimulus_id
        self.safety.commit(stimulus_id, pulses, tick)
        self.queue.append((sample, stimulus_id, slot, pulses))
        self.queue.sort()
        return {"scheduled": {"sample": sample}}

    def due_sample(self, command):
        taken = {entry[0] for entry in self.queue}
        if command.get("now"):
            sample = self.next_sample
            while sample in taken:
                sample += 1
            return sample
        if "sample" not in command:
            raise Refused("bad-argument", "no time: `now` or a sample")
        sample = command["sample"]
        if sample < self.next_sample:
            raise Refused("late", f"sample {sample} is past: the next one is {self.next_sample}")
        if sample > self.next_sample + MAX_AHEAD_MS * self.vendor.sample_rate_hz / 1000:
            raise Refused("too-far-ahead", f"sample {sample} is more than {MAX_AHEAD_MS} ms ahead")
        if sample in taken:
            raise Refused("bad-argument", f"another stimulus is scheduled for sample {sample}")
        return sample

    def cancel(self, command):
        stimulus_id = command.get("stimulus_id", 0)
        for entry in self.queue:
            if entry[1] == stimulus_id:
                self.queue.remove(entry)
                self.drop(entry, "cancelled", "taken back by the controller")
                return {"done": {}}
        raise Refused("bad-argument", f"stimulus {stimulus_id} is not waiting")

    def abort(self):
        self.disarm("abort", "aborted by the controller")
        self.vendor.stop_stimulation()
        return {"done": {}}

    def arm(self, command):
        if self.profile_hash is None:
            raise Refused("not-configured", "no safety profile: send configure first")
        token = command.get("token", b"")
        if command.get("serial_number", "") != self.vendor.serial_number:
            raise Refused("wrong-device", f"this is {self.vendor.serial_number}")
        if command.get("profile_hash", b"") != self.profile_hash:
            raise Refused("wrong-profile", "not the profile that this device holds")
        if self.token is not None:
            raise Refused("wrong-state", "armed already: disarm first")
        if len(token) != 16 or not any(token):
            raise Refused("bad-argument", "a token has 16 bytes, not all 0")
        self.token = token
        self.heard_token_at = time.monotonic()
        self.armed_until = float("inf")
        self.data_armed(True, "command")
        return {"done": {}}

    def disarm(self, cause, message="disarmed by the controller"):
        # The command comes with its empty body in place of a cause.
        if isinstance(cause, dict):
            cause = "command"
        if self.token is None:
            return {"done": {}}
        self.token = None
        self.vendor.stop_stimulation()
        entries, self.queue = self.queue, []
        for entry in entries:
            self.drop(entry, DROP_OF_CAUSE.get(cause, "disarmed"), message)
        self.data_armed(False, cause)
        return {"done": {}}

    def measure_impedance(self, command):
        if self.state == "running":
            raise Refused("wrong-state", "stop the acquisition before measuring impedances")
        if not self.vendor.can_measure_impedance:
            raise Refused("unsupported", "this device measures no impedances")
        frequency = command.get("frequency_hz", 0.0)
        values = []
        for electrode in command["electrodes"]:
            if electrode >= self.vendor.channels:
                raise Refused("bad-argument", f"electrode {electrode}: 0 to {self.vendor.channels - 1}")
            magnitude, phase = self.vendor.impedance(electrode, frequency)
            values.append({"electrode": electrode, "magnitude_ohm": magnitude, "phase_degrees": phase})
        return {"impedances": {"frequency_hz": frequency, "values": values}}

    def resume(self, command):
        if command.get("boot_id", 0) != self.boot_id:
            raise Refused("bad-argument", "that boot is over")
        ahead = (command.get("from_sequence", 0) - self.next_index) & 0xFFFFFFFF
        wanted = self.next_index + (ahead - (1 << 32) if ahead >= 1 << 31 else ahead)
        if wanted > self.next_index:
            raise Refused("bad-argument", "that message has not been sent yet")
        self.cursor = max(wanted, self.oldest())
        return {"resumed": {"from_sequence": self.cursor, "next_sequence": self.next_index}}

    def status(self):
        return {
            "status": {
                "state": wire.STATES.index(self.state),
                "armed": self.token is not None,
                "next_sample": self.next_sample,
                "scheduled_stimuli": len(self.queue),
                "next_data_sequence": self.next_index,
            }
        }

    def want_running(self):
        if self.state != "running":
            raise Refused("wrong-state", "the device is not acquiring")

    def want_safe(self, broken):
        if broken is not None:
            rule, message = broken
            raise Refused("safety", message, rule)

    # ---- time ----------------------------------------------------------------------------------------------------

    def turn(self):
        """One turn of the main loop: samples, stimuli, watchdog, heartbeat."""
        now = time.monotonic()
        self.expire(now)
        if self.state == "running":
            self.acquire(self.vendor.available())
        if self.controller is not None and now - self.controller_heard_at > CONTROLLER_SILENCE_S:
            self.lose(self.controller, "the controller is silent")
        if now >= self.next_beat:
            self.next_beat = now + HEARTBEAT_MS / 1000
            self.beat()
        self.pump()

    def expire(self, now):
        if self.token is None:
            return
        if now >= self.armed_until:
            self.disarm("armed-time", "the armed time is over")
        elif now >= self.heard_token_at + WATCHDOG_MS / 1000:
            self.disarm("watchdog", "no heartbeat in time")

    def acquire(self, available):
        while available > 0:
            self.deliver_due()
            count = min(available, self.block_frames - self.filled)
            if self.queue:
                count = min(count, self.queue[0][0] - self.next_sample)
            self.block += self.vendor.read(count)
            self.filled += count
            self.next_sample += count
            available -= count
            if self.filled == self.block_frames:
                self.flush()

    def deliver_due(self):
        while self.queue and self.queue[0][0] <= self.next_sample:
            sample, stimulus_id, slot, pulses = self.queue.pop(0)
            self.vendor.stimulate(pulses)
            electrodes = sorted(electrode for electrode, _phases in pulses)
            delivered = {"stimulus_id": stimulus_id, "sample": sample, "slot": slot, "electrodes": electrodes}
            self.data({"stimulus_delivered": delivered})

    def flush(self):
        if self.filled == 0:
            return
        samples, frames = bytes(self.block), self.filled
        self.block, self.filled = bytearray(), 0
        self.blocks += 1
        self.frames += frames
        self.crc = wire.crc32c(samples, self.crc)
        block = {"channels": self.vendor.channels, "frames": frames, "samples": samples}
        self.data({"block": {"first_sample": self.next_sample - frames, **block}})

    def beat(self):
        heartbeat = {
            "next_data_sequence": self.next_index,
            "next_sample": self.next_sample,
            "state": wire.STATES.index(self.state),
            "armed": self.token is not None,
        }
        for peer, client in self.peers.items():
            if client is not None:
                self.control({"heartbeat": heartbeat}, peer)

    # ---- what goes out -------------------------------------------------------------------------------------------

    def drop(self, entry, reason, message):
        sample, stimulus_id = entry[0], entry[1]
        self.safety.release(stimulus_id)
        dropped = {"stimulus_id": stimulus_id, "at_sample": sample, "reason": wire.DROPS.index(reason)}
        self.data({"stimulus_dropped": {**dropped, "message": message}})

    def data_armed(self, armed, cause):
        changed = {"at_sample": self.next_sample, "armed": armed, "cause": wire.CAUSES.index(cause)}
        self.data({"armed_changed": changed})

    def control(self, body, peer):
        message = wire.encode(wire.DEVICE, "DeviceMessage", {"sequence": self.control_sequences.get(peer, 0), **body})
        self.control_sequences[peer] = (self.control_sequences.get(peer, 0) + 1) % 2**32
        self.send_control(peer, message)

    def data(self, body):
        now = time.monotonic()
        message = wire.encode(wire.DEVICE, "DeviceMessage", {"sequence": self.next_index, **body})
        self.ring.append((self.next_index, message, now))
        self.next_index += 1
        while self.ring and now - self.ring[0][2] > RING_MS / 1000:
            self.ring.popleft()

    def oldest(self):
        return self.ring[0][0] if self.ring else self.next_index

    def pump(self):
        """Sends the controller what the data lane holds for it."""
        if self.controller is None or self.cursor is None:
            return
        oldest = self.oldest()
        for index in range(max(self.cursor, oldest), self.next_index):
            self.send_data(self.ring[index - oldest][1])
        self.cursor = self.next_index
