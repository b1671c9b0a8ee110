"""The device's own check of every stimulus, in whole steps of current and time.

The rules and their order are those of docs/stimulation-safety.md. A limit that is not kept has a name; the first one
counts. Comparisons are written so that a value that is no number is never within a limit.
"""

import hashlib
import math
import time

import wire

SLACK = 1e-9


def read_profile(data):
    """The profile of its bytes, and its hash. Refuses any other form than the canonical one."""
    profile = wire.decode(wire.HOST, "SafetyProfile", data, strict=True)
    for number, (key, _) in wire.HOST["SafetyProfile"].items():
        if key not in profile:
            raise wire.BadMessage(f"field {number} ({key}) is missing")
    for value in profile.values():
        if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
            raise wire.BadMessage(f"{value} is no limit")
    before = -1
    for entry in profile["electrodes"]:
        if not {"electrode", "area_um2", "masked"} <= entry.keys() or entry["electrode"] <= before:
            raise wire.BadMessage("electrodes do not rise, or are incomplete")
        before = entry["electrode"]
    if profile["leading_polarity"] not in (1, 2, 3):
        raise wire.BadMessage("no polarity")
    if wire.encode(wire.HOST, "SafetyProfile", profile) != data:
        raise wire.BadMessage("not the canonical form")
    return profile, hashlib.sha256(data).digest()


class SafetyCheck:
    """Holds stimuli against a profile, with what was delivered or is scheduled before and after them.

    Samples are those of a clock that neither stops nor jumps: see `clock_offset` in device.py. A check goes on from the
    one before it: its pulses still count, and so does its session.
    """

    def __init__(self, profile, vendor, previous=None):
        self.profile = profile
        self.vendor = vendor
        # Impedances age by the computer's clock, whatever the device does.
        self.configured_at = time.monotonic()
        self.impedance_age_s = profile["impedance_age_s"]
        self.entries = {entry["electrode"]: entry for entry in profile["electrodes"]}
        self.quantum_nc = vendor.current_step_ua * vendor.time_step_us / 1000
        self.history = []  # (stimulus id, sample, pulses), of the last two seconds and ahead
        self.start_session()
        if previous is not None:
            self.history = list(previous.history)
            self.stimuli = previous.stimuli
            self.moved, self.net = dict(previous.moved), dict(previous.net)
            self.session_ids = set(previous.session_ids)

    def start_session(self):
        self.stimuli = 0
        self.moved = {}
        self.net = {}
        self.session_ids = set()

    def check_pulses(self, pulses):
        """The rule that these pulses break by themselves and why, or None."""
        fresh = SafetyCheck(self.profile, self.vendor)
        fresh.configured_at = self.configured_at
        return fresh.check(pulses, 0)

    def check(self, pulses, sample, ahead_s=0.0):
        """The rule that these pulses break when they begin at that sample, so far ahead, and why, or None."""
        since_s = time.monotonic() - self.configured_at
        self.impedance_age_s = self.profile["impedance_age_s"] + since_s + ahead_s
        for rule in wire.RULES[4:]:
            broken = getattr(self, "_" + rule.replace("-", "_"))(pulses, sample)
            if broken:
                return rule, broken
        return None

    def commit(self, stimulus_id, pulses, sample):
        self._forget_before(sample - 3 * self.vendor.sample_rate_hz)
        self.history.append((stimulus_id, sample, pulses))
        self.session_ids.add(stimulus_id)
        self._book(pulses, 1)

    def _forget_before(self, oldest):
        """What no window reaches any more; of each electrode the last pulse stays, because an interval may be long."""
        last = {}
        for _id, at, pulses in self.history:
            for electrode, _phases in pulses:
                last[electrode] = max(last.get(electrode, at), at)
        self.history = [
            entry
            for entry in self.history
            if entry[1] > oldest or any(last[electrode] == entry[1] for electrode, _phases in entry[2])
        ]

    def release(self, stimulus_id):
        """A stimulus that did not leave and will not."""
        for entry in [entry for entry in self.history if entry[0] == stimulus_id]:
            self.history.remove(entry)
            if stimulus_id in self.session_ids:
                self._book(entry[2], -1)

    def _book(self, pulses, sign):
        self.stimuli += sign
        for electrode, phases in pulses:
            self.moved[electrode] = self.moved.get(electrode, 0) + sign * moved(phases)
            self.net[electrode] = self.net.get(electrode, 0) + sign * net(phases)

    # ---- one pulse -----------------------------------------------------------------------------------------------

    def _electrode(self, pulses, _):
        for electrode, _phases in pulses:
            entry = self.entries.get(electrode)
            if entry is None or entry["masked"] or electrode not in self.vendor.electrodes:
                return f"electrode {electrode} is not listed, masked, or has no output"
        return None

    def _phase_count(self, pulses, _):
        limit = min(self.profile["max_phases"], self.vendor.max_phases)
        for electrode, phases in pulses:
            count = sum(1 for level, _ticks in phases if level != 0)
            if not 1 <= count <= limit or len(phases) > 32:
                return f"electrode {electrode}: {count} phases with a current, limit {limit}"
        return None

    def _current(self, pulses, _):
        limit = min(self.profile["max_current_ua"], self.vendor.max_current_ua) * (1 + SLACK)
        for electrode, phases in pulses:
            current = peak(phases) * self.vendor.current_step_ua
            if not current <= limit:
                return f"electrode {electrode}: {current:g} uA, limit {limit:g}"
        return None

    def _phase_width(self, pulses, _):
        least, most = self.profile["min_phase_us"] * (1 - SLACK), self.profile["max_phase_us"] * (1 + SLACK)
        for electrode, phases in pulses:
            for level, ticks in phases:
                width = ticks * self.vendor.time_step_us
                if level != 0 and not (ticks >= 1 and least <= width <= most):
                    return f"electrode {electrode}: {width:g} us, {least:g} to {most:g}"
        return None

    def _charge(self, pulses, _):
        return self._largest(pulses, lambda _electrode: self.profile["max_charge_per_phase_nc"], "nC")

    def _charge_density(self, pulses, _):
        density = self.profile["max_charge_density_uc_per_cm2"]
        # 1 uC/cm2 on 1 um2 is 1e-5 nC
        return self._largest(pulses, lambda electrode: density * self.entries[electrode]["area_um2"] * 1e-5, "nC")

    def _largest(self, pulses, limit_of, unit):
        for electrode, phases in pulses:
            charge, limit = excursion(phases) * self.quantum_nc, limit_of(electrode)
            if not charge <= limit * (1 + SLACK):
                return f"electrode {electrode}: {charge:g} {unit}, limit {limit:g}"
        return None

    def _balance(self, pulses, _):
        limit = self.profile["max_imbalance"]
        for electrode, phases in pulses:
            if not abs(net(phases)) <= limit * moved(phases) * (1 + SLACK):
                return f"electrode {electrode}: {net(phases)} of {moved(phases)} steps of charge remain, limit {limit:g}"
        return None

    def _net_charge(self, pulses, _):
        limit = self.profile["net_charge_budget_nc"]
        for electrode, phases in pulses:
            charge = abs(self.net.get(electrode, 0) + net(phases)) * self.quantum_nc
            if not charge <= limit * (1 + SLACK):
                return f"electrode {electrode}: {charge:g} nC in the session, limit {limit:g}"
        return None

    def _polarity(self, pulses, _):
        wanted = self.profile["leading_polarity"]
        for electrode, phases in pulses:
            first = next(level for level, _ticks in phases if level != 0)
            if (wanted == 1 and first > 0) or (wanted == 2 and first < 0):
                return f"electrode {electrode} begins with the wrong polarity"
        return None

    def _interphase_gap(self, pulses, _):
        least = self.profile["min_interphase_gap_us"]
        for electrode, phases in pulses:
            gap = None
            for level, ticks in phases:
                if level == 0:
                    gap = None if gap is None else gap + ticks
                    continue
                if gap is not None and not gap * self.vendor.time_step_us >= least * (1 - SLACK):
                    return f"electrode {electrode}: a gap of {gap * self.vendor.time_step_us:g} us, at least {least:g}"
                gap = 0
        return None

    def _impedance(self, pulses, _):
        age = self.impedance_age_s
        for electrode, _phases in pulses:
            impedance = self.entries[electrode].get("impedance_ohm")
            if impedance is None or not impedance > 0:
                return f"electrode {electrode}: not measured"
            if not age <= self.profile["max_impedance_age_s"] * (1 + SLACK):
                return f"measured {age:g} s ago, limit {self.profile['max_impedance_age_s']:g}"
        return None

    def _compliance(self, pulses, _):
        limit = 0.8 * self.profile["compliance_v"]
        for electrode, phases in pulses:
            volts = peak(phases) * self.vendor.current_step_ua * 1e-6 * self.entries[electrode]["impedance_ohm"]
            if not volts <= limit * (1 + SLACK):
                return f"electrode {electrode}: {volts:g} V, limit {limit:g}"
        return None

    # ---- over time -----------------------------------------------------------------------------------------------

    def _others(self, electrode):
        return [(at, phases) for _id, at, pulses in self.history for other, phases in pulses if other == electrode]

    def _interval(self, pulses, sample):
        rate = self.vendor.sample_rate_hz
        least = self.profile["min_interval_ms"] * rate / 1000 * (1 - SLACK)
        for electrode, phases in pulses:
            for at, other in self._others(electrode):
                length = self._samples(other if at < sample else phases)
                if not (abs(at - sample) >= least and abs(at - sample) >= length):
                    return f"electrode {electrode}: {abs(at - sample)} samples to its other pulse, at least {least:g}"
        return None

    def _rate(self, pulses, sample):
        return self._per_second(pulses, sample, lambda _phases: 1, self.profile["max_rate_hz"])

    def _duty(self, pulses, sample):
        on_s = self.vendor.time_step_us / 1e6
        return self._per_second(
            pulses, sample, lambda phases: sum(ticks for level, ticks in phases if level) * on_s, self.profile["max_duty"]
        )

    def _charge_rate(self, pulses, sample):
        limit = self.profile["max_charge_per_second_nc"]
        return self._per_second(pulses, sample, lambda phases: moved(phases) * self.quantum_nc, limit)

    def _per_second(self, pulses, sample, measure, limit):
        """The largest sum over any second that holds the new pulse; such a second begins with a pulse."""
        second = math.ceil(self.vendor.sample_rate_hz)
        for electrode, phases in pulses:
            every = [*self._others(electrode), (sample, phases)]
            for begin, _phases in every:
                if not begin <= sample < begin + second:
                    continue
                total = sum(measure(other) for at, other in every if begin <= at < begin + second)
                if not total <= limit * (1 + SLACK):
                    return f"electrode {electrode}: {total:g} within a second, limit {limit:g}"
        return None

    # ---- together ------------------------------------------------------------------------------------------------

    def _simultaneous(self, pulses, sample):
        return self._together(pulses, sample, lambda _phases: 1, self.profile["max_simultaneous"])

    def _summed_current(self, pulses, sample):
        step = self.vendor.current_step_ua
        return self._together(pulses, sample, lambda phases: peak(phases) * step, self.profile["max_summed_current_ua"])

    def _together(self, pulses, sample, measure, limit):
        """The largest sum at the beginnings of pulses while the new ones run."""
        if not pulses:
            return None
        every = [(at, phases) for _id, at, others in self.history for _electrode, phases in others]
        every += [(sample, phases) for _electrode, phases in pulses]
        end = sample + max(self._samples(phases) for _electrode, phases in pulses)
        for moment in {sample, *(at for at, _phases in every if sample <= at < end)}:
            total = sum(measure(phases) for at, phases in every if at <= moment < at + self._samples(phases))
            if not total <= limit * (1 + SLACK):
                return f"{total:g} at once, limit {limit:g}"
        return None

    def _session_stimuli(self, _pulses, _):
        limit = self.profile["max_stimuli_per_session"]
        return None if self.stimuli + 1 <= limit else f"{self.stimuli + 1} stimuli in the session, limit {limit}"

    def _session_charge(self, pulses, _):
        limit = self.profile["max_charge_per_session_nc"]
        for electrode, phases in pulses:
            charge = (self.moved.get(electrode, 0) + moved(phases)) * self.quantum_nc
            if not charge <= limit * (1 + SLACK):
                return f"electrode {electrode}: {charge:g} nC in the session, limit {limit:g}"
        return None

    def _samples(self, phases):
        """Samples that a pulse reaches into."""
        length = sum(ticks for _level, ticks in phases) * self.vendor.time_step_us * self.vendor.sample_rate_hz / 1e6
        return max(1, math.ceil(length * (1 - SLACK)))


def to_steps(pulses, vendor):
    """Pulses as the outputs will make them: (electrode, [(steps of current, steps of time), ...])."""
    current_na, time_ns = vendor.current_step_ua * 1000, vendor.time_step_us * 1000
    return [
        (
            pulse.get("electrode", 0),
            [
                (nearest(phase.get("current_na", 0), current_na), nearest(phase.get("duration_ns", 0), time_ns))
                for phase in pulse["phases"]
            ],
        )
        for pulse in pulses
    ]


def nearest(value, step):
    return int(math.copysign(math.floor(abs(value) / step + 0.5 + SLACK), value))


def net(phases):
    return sum(level * ticks for level, ticks in phases)


def moved(phases):
    return sum(abs(level * ticks) for level, ticks in phases)


def peak(phases):
    return max((abs(level) for level, _ticks in phases), default=0)


def excursion(phases):
    """Largest charge between two moments of a pulse."""
    low = high = charge = 0
    for level, ticks in phases:
        charge += level * ticks
        low, high = min(low, charge), max(high, charge)
    return high - low
