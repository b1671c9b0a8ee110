import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import type { ElectrodeSafety, SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { SAFETY_RULES, type SafetyRefusal, type SafetyRule } from '../../protocols/stimulation/safety-rule.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';

/** What the device holds stimuli against. */
export interface DeviceSafetyOptions {
  readonly profile: SafetyProfile;
  readonly capabilities: StimulationCapabilities;
  readonly sampleRateHz: number;
  /** The device's clock when it took the profile, in samples: from then on the impedances age. */
  readonly configuredAtSample: number;
  /** The check that was in force before: its pulses still count, and so does its session. */
  readonly previous?: DeviceSafetyCheck | undefined;
}

/**
 * The device's own check of every stimulus: the second implementation of docs/stimulation-safety.md, in whole steps of
 * the converter and whole samples. Its samples are those of a clock that runs on whether the device acquires or rests,
 * so that no window passes by a jump of the sample counter. It knows nothing of arming, which the device keeps apart.
 */
export interface DeviceSafetyCheck {
  /** The first rule that these pulses break by themselves; undefined when none. */
  checkPulses(pulses: readonly Pulse[]): SafetyRefusal | undefined;
  /** The first rule that these pulses break if they begin at `sample`; `nextSample` is the device's next, and never falls. */
  check(pulses: readonly Pulse[], sample: number, nextSample: number): SafetyRefusal | undefined;
  /** Takes a stimulus into the account that `check` let pass. */
  commit(stimulusId: number, pulses: readonly Pulse[], sample: number): void;
  /** Takes a stimulus out of the account that did not leave and will not. An unknown one changes nothing. */
  release(stimulusId: number): void;
  /** A session begins: its budgets start afresh. */
  startSession(): void;
}

/** The check of a device that takes a profile. */
export function createDeviceSafetyCheck(options: DeviceSafetyOptions): DeviceSafetyCheck {
  return new StepwiseSafetyCheck(options);
}

/** Limits hold up to one part in 10^9, so that the last bit of a double decides nothing. */
const SLACK = 1e-9;
const LISTED_PHASES = 32;
const SMALLEST = 1e-9;

/** A pulse in whole steps: `level` of current, `ticks` of time; their product is one quantum of charge. */
interface StepPulse {
  readonly electrode: number;
  readonly steps: readonly { readonly level: number; readonly ticks: number }[];
  /** In quanta: signed sum, sum of magnitudes. */
  readonly net: number;
  readonly moved: number;
  /** Ticks with a current. */
  readonly onTicks: number;
  readonly peak: number;
  /** Samples that it reaches into, at least 1. */
  readonly samples: number;
}

/** A committed stimulus; `pulses` is empty for an empty pattern. */
interface Committed {
  readonly stimulusId: number;
  readonly session: number;
  readonly sample: number;
  readonly pulses: readonly StepPulse[];
}

/** The limits in steps, ticks, quanta and samples. NaN where the profile has no number: nothing is within NaN. */
interface StepLimits {
  readonly level: number;
  readonly minTicks: number;
  readonly maxTicks: number;
  readonly phases: number;
  readonly quanta: number;
  readonly netQuanta: number;
  readonly gapTicks: number;
  readonly intervalSamples: number;
  readonly secondSamples: number;
  readonly secondTicks: number;
  readonly onTicksPerSecond: number;
  readonly quantaPerSecond: number;
  readonly summedLevel: number;
  readonly quantaPerSession: number;
}

type Broken = string | undefined;

class StepwiseSafetyCheck implements DeviceSafetyCheck {
  readonly #profile: SafetyProfile;
  readonly #capabilities: StimulationCapabilities;
  readonly #sampleRateHz: number;
  readonly #configuredAtSample: number;
  readonly #limits: StepLimits;
  readonly #electrodes = new Map<number, ElectrodeSafety>();
  readonly #listedTwice = new Set<number>();
  #session = 0;
  #stimuli = 0;
  #committed: Committed[] = [];
  /** Quanta of the session, by electrode. */
  readonly #net = new Map<number, number>();
  readonly #moved = new Map<number, number>();

  constructor({ profile, capabilities, sampleRateHz, configuredAtSample, previous }: DeviceSafetyOptions) {
    this.#profile = structuredClone(profile);
    this.#capabilities = structuredClone(capabilities);
    this.#sampleRateHz = sampleRateHz;
    this.#configuredAtSample = configuredAtSample;
    this.#limits = toStepLimits(this.#profile, this.#capabilities, sampleRateHz);
    for (const safety of this.#profile.electrodes) {
      if (this.#electrodes.has(safety.electrode)) this.#listedTwice.add(safety.electrode);
      this.#electrodes.set(safety.electrode, safety);
    }
    if (previous instanceof StepwiseSafetyCheck) this.#goOnFrom(previous);
  }

  checkPulses(pulses: readonly Pulse[]): SafetyRefusal | undefined {
    const fresh = new StepwiseSafetyCheck({
      profile: this.#profile,
      capabilities: this.#capabilities,
      sampleRateHz: this.#sampleRateHz,
      configuredAtSample: 0,
    });
    return fresh.check(pulses, 0, 0);
  }

  check(pulses: readonly Pulse[], sample: number, nextSample: number): SafetyRefusal | undefined {
    this.#forget(nextSample);
    const malformed = findMalformed(pulses, sample);
    if (malformed !== undefined) return { rule: 'schema', message: malformed };
    const notFinite = pulses.find(
      ({ phases }) => !phases.every((p) => isProper(p.currentUa) && isProper(p.durationUs)),
    );
    if (notFinite !== undefined) {
      return { rule: 'finite', message: `electrode ${notFinite.electrode}: a current or duration is not finite` };
    }
    const stepped = pulses.map((pulse) => this.#toSteps(pulse));
    for (const rule of SAFETY_RULES) {
      const message = this.#checkRule(rule, { asked: pulses, pulses: stepped, sample });
      if (message !== undefined) return { rule, message };
    }
    return undefined;
  }

  commit(stimulusId: number, pulses: readonly Pulse[], sample: number): void {
    const stepped = pulses.map((pulse) => this.#toSteps(pulse));
    this.#committed.push({ stimulusId, session: this.#session, sample, pulses: stepped });
    this.#stimuli += 1;
    for (const pulse of stepped) this.#book(pulse, 1);
  }

  release(stimulusId: number): void {
    const at = this.#committed.findIndex((entry) => entry.stimulusId === stimulusId);
    if (at < 0) return;
    const [entry] = this.#committed.splice(at, 1);
    if (entry?.session !== this.#session) return;
    this.#stimuli -= 1;
    for (const pulse of entry.pulses) this.#book(pulse, -1);
  }

  startSession(): void {
    this.#session += 1;
    this.#stimuli = 0;
    this.#net.clear();
    this.#moved.clear();
  }

  #goOnFrom(previous: StepwiseSafetyCheck): void {
    this.#session = previous.#session;
    this.#stimuli = previous.#stimuli;
    this.#committed = [...previous.#committed];
    for (const [electrode, quanta] of previous.#net) this.#net.set(electrode, quanta);
    for (const [electrode, quanta] of previous.#moved) this.#moved.set(electrode, quanta);
  }

  #book({ electrode, net, moved }: StepPulse, sign: 1 | -1): void {
    this.#net.set(electrode, (this.#net.get(electrode) ?? 0) + sign * net);
    this.#moved.set(electrode, (this.#moved.get(electrode) ?? 0) + sign * moved);
  }

  /** Two seconds are enough for every window of one second and for a pulse that lasts one. */
  #forget(nextSample: number): void {
    const oldest = nextSample - 2 * this.#sampleRateHz;
    this.#committed = this.#committed.filter(({ sample }) => !(sample < oldest));
  }

  #toSteps({ electrode, phases }: Pulse): StepPulse {
    const { currentStepUa, timeStepUs } = this.#capabilities;
    const steps = phases.map(({ currentUa, durationUs }) => ({
      level: toNearestStep(currentUa, currentStepUa),
      ticks: toNearestStep(durationUs, timeStepUs),
    }));
    let net = 0;
    let moved = 0;
    let onTicks = 0;
    let peak = 0;
    let allTicks = 0;
    for (const { level, ticks } of steps) {
      net += level * ticks;
      moved += Math.abs(level * ticks);
      if (level !== 0) onTicks += ticks;
      peak = Math.max(peak, Math.abs(level));
      allTicks += ticks;
    }
    const samplesPerTick = (timeStepUs * this.#sampleRateHz) / 1e6;
    const samples = Math.max(1, wholeAtLeast(allTicks * samplesPerTick));
    return { electrode, steps, net, moved, onTicks, peak, samples };
  }

  #checkRule(rule: SafetyRule, stimulus: Stimulus): Broken {
    if (isShapeRule(rule)) return this.#checkShape(rule, stimulus);
    switch (rule) {
      case 'schema':
      case 'finite':
        return undefined; // Held before anything was computed.
      case 'armed':
        return undefined; // The device's arming has its own place.
      case 'electrode':
        return firstBroken(stimulus.pulses, (pulse) => this.#checkElectrode(pulse));
      case 'phase-count':
        return firstBroken(stimulus.asked, (pulse) => this.#checkPhaseCount(pulse));
      case 'impedance':
        return this.#checkImpedance(stimulus);
      case 'interval':
      case 'rate':
      case 'duty':
      case 'charge-rate':
        return firstBroken(stimulus.pulses, (pulse) => this.#checkSecond(rule, pulse, stimulus.sample));
      case 'simultaneous':
      case 'summed-current':
        return this.#checkTogether(rule, stimulus);
      case 'session-stimuli':
        return within(this.#stimuli + 1, this.#profile.maxStimuliPerSession, 'stimuli in the session');
      case 'session-charge':
        return firstBroken(stimulus.pulses, ({ electrode, moved }) =>
          within((this.#moved.get(electrode) ?? 0) + moved, this.#limits.quantaPerSession, 'quanta in the session'),
        );
      case 'net-charge':
        return firstBroken(stimulus.pulses, ({ electrode, net }) =>
          within(Math.abs((this.#net.get(electrode) ?? 0) + net), this.#limits.netQuanta, 'quanta net in the session'),
        );
    }
  }

  /** The rules about the shape of one pulse. */
  #checkShape(rule: ShapeRule, { asked, pulses }: Stimulus): Broken {
    for (const [index, pulse] of pulses.entries()) {
      const broken = this.#checkPulseShape(rule, pulse, asked[index]!);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }

  #checkPulseShape(rule: ShapeRule, pulse: StepPulse, asked: Pulse): Broken {
    const limits = this.#limits;
    switch (rule) {
      case 'current':
        return pulse.steps.some(({ level }, i) => level === 0 && asked.phases[i]!.currentUa !== 0)
          ? `electrode ${pulse.electrode}: a current is below half a step`
          : within(pulse.peak, limits.level, `steps of current on electrode ${pulse.electrode}`);
      case 'phase-width':
        return checkWidths(pulse, asked, limits);
      case 'charge':
        return within(largestExcursion(pulse), limits.quanta, `quanta per phase on electrode ${pulse.electrode}`);
      case 'charge-density':
        return this.#checkDensity(pulse);
      case 'balance':
        return within(
          Math.abs(pulse.net),
          this.#profile.maxImbalance * pulse.moved * (1 + SLACK),
          `quanta left on electrode ${pulse.electrode}`,
        );
      case 'polarity':
        return this.#checkPolarity(pulse);
      case 'interphase-gap':
        return checkGaps(pulse, limits.gapTicks);
      case 'compliance':
        return this.#checkCompliance(pulse);
    }
  }

  #checkElectrode({ electrode }: StepPulse): Broken {
    const safety = this.#electrodes.get(electrode);
    if (safety === undefined || this.#listedTwice.has(electrode)) return `electrode ${electrode} is not listed (once)`;
    if (safety.masked) return `electrode ${electrode} is masked`;
    return this.#capabilities.electrodes.includes(electrode) ? undefined : `electrode ${electrode} has no output`;
  }

  #checkPhaseCount({ electrode, phases }: Pulse): Broken {
    const count = phases.filter(({ currentUa }) => currentUa !== 0).length;
    if (count === 0) return `electrode ${electrode}: no phase has a current`;
    return within(count, this.#limits.phases, `phases on electrode ${electrode}`);
  }

  #checkDensity(pulse: StepPulse): Broken {
    const { areaUm2 } = this.#electrodes.get(pulse.electrode)!;
    const { currentStepUa, timeStepUs } = this.#capabilities;
    // 1 uC/cm2 is 0.01 pC/um2, and a quantum is one step of current times one of time, in pC.
    const allowedPc = areaUm2 > 0 ? this.#profile.maxChargeDensityUcPerCm2 * 0.01 * areaUm2 : Number.NaN;
    const most = wholeAtMost(allowedPc / (currentStepUa * timeStepUs));
    return within(largestExcursion(pulse), most, `quanta on the ${areaUm2} um2 of electrode ${pulse.electrode}`);
  }

  #checkPolarity({ electrode, steps }: StepPulse): Broken {
    const first = steps.find(({ level }) => level !== 0);
    if (first === undefined) return undefined;
    switch (this.#profile.leadingPolarity) {
      case 'either':
        return undefined;
      case 'negative':
        return first.level < 0 ? undefined : `electrode ${electrode}: negative first`;
      case 'positive':
        return first.level > 0 ? undefined : `electrode ${electrode}: positive first`;
      default:
        return `electrode ${electrode}: the profile names no polarity`;
    }
  }

  #checkImpedance({ pulses, sample }: Stimulus): Broken {
    if (pulses.length === 0) return undefined;
    for (const { electrode } of pulses) {
      const { impedanceOhm } = this.#electrodes.get(electrode)!;
      if (impedanceOhm === null || !Number.isFinite(impedanceOhm) || impedanceOhm <= 0) {
        return `electrode ${electrode}: impedance not measured`;
      }
    }
    const ageSamples = this.#profile.impedanceAgeS * this.#sampleRateHz + (sample - this.#configuredAtSample);
    if (!(ageSamples >= 0)) return 'the age of the impedances is not known';
    const most = this.#profile.maxImpedanceAgeS * this.#sampleRateHz * (1 + SLACK);
    return within(ageSamples, most, 'samples since the impedances were measured');
  }

  #checkCompliance({ electrode, peak }: StepPulse): Broken {
    const microvolts = peak * this.#capabilities.currentStepUa * this.#electrodes.get(electrode)!.impedanceOhm!;
    return within(microvolts, this.#profile.complianceV * 800_000 * (1 + SLACK), `uV on electrode ${electrode}`);
  }

  /** Interval, rate, duty and charge on one electrode, over every second that begins with one of its pulses. */
  #checkSecond(rule: 'interval' | 'rate' | 'duty' | 'charge-rate', pulse: StepPulse, sample: number): Broken {
    const { electrode } = pulse;
    const others: { readonly sample: number; readonly pulse: StepPulse }[] = [];
    for (const entry of this.#committed) {
      const own = entry.pulses.find((other) => other.electrode === electrode);
      if (own !== undefined) others.push({ sample: entry.sample, pulse: own });
    }
    if (rule === 'interval') {
      const tooNear = others.find(
        (other) =>
          !(Math.abs(other.sample - sample) >= this.#limits.intervalSamples) ||
          (other.sample < sample ? other.sample + other.pulse.samples > sample : sample + pulse.samples > other.sample),
      );
      return tooNear && `electrode ${electrode}: ${Math.abs(tooNear.sample - sample)} samples to its other pulse`;
    }
    const all = [...others, { sample, pulse }];
    for (const { sample: from } of all) {
      const until = from + this.#limits.secondSamples;
      if (sample < from || sample >= until) continue;
      const inside = all.filter((other) => other.sample >= from && other.sample < until);
      const broken = this.#judgeSecond(rule, inside);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }

  #judgeSecond(rule: 'rate' | 'duty' | 'charge-rate', inside: readonly { readonly pulse: StepPulse }[]): Broken {
    if (rule === 'rate') return within(inside.length, this.#profile.maxRateHz * (1 + SLACK), 'pulses within a second');
    let ticks = 0;
    let quanta = 0;
    for (const { pulse } of inside) {
      ticks += pulse.onTicks;
      quanta += pulse.moved;
    }
    return rule === 'duty'
      ? within(ticks, this.#limits.onTicksPerSecond, 'ticks with a current within a second')
      : within(quanta, this.#limits.quantaPerSecond, 'quanta within a second');
  }

  /** Walks along the samples at which pulses begin and end, ends first, and keeps count while the new ones run. */
  #checkTogether(rule: 'simultaneous' | 'summed-current', { pulses, sample }: Stimulus): Broken {
    const lasting = Math.max(0, ...pulses.map(({ samples }) => samples));
    const changes: { at: number; by: number }[] = [];
    for (const entry of [...this.#committed, { sample, pulses }]) {
      for (const pulse of entry.pulses) {
        const by = rule === 'simultaneous' ? 1 : pulse.peak;
        changes.push({ at: entry.sample, by }, { at: entry.sample + pulse.samples, by: -by });
      }
    }
    changes.sort((a, b) => a.at - b.at || a.by - b.by);
    let now = 0;
    let most = 0;
    for (const { at, by } of changes) {
      now += by;
      if (at >= sample && at < sample + lasting) most = Math.max(most, now);
    }
    return rule === 'simultaneous'
      ? within(most, this.#profile.maxSimultaneous, 'electrodes at once')
      : within(most, this.#limits.summedLevel, 'steps of current at once');
  }
}

interface Stimulus {
  /** As they were asked for. */
  readonly asked: readonly Pulse[];
  readonly pulses: readonly StepPulse[];
  readonly sample: number;
}

/** The rules about the shape of one pulse by itself. */
const SHAPE_RULES = [
  'current',
  'phase-width',
  'charge',
  'charge-density',
  'balance',
  'polarity',
  'interphase-gap',
  'compliance',
] as const satisfies readonly SafetyRule[];

type ShapeRule = (typeof SHAPE_RULES)[number];

function isShapeRule(rule: SafetyRule): rule is ShapeRule {
  return SHAPE_RULES.some((shape) => shape === rule);
}

function toStepLimits(profile: SafetyProfile, capabilities: StimulationCapabilities, sampleRateHz: number): StepLimits {
  const { currentStepUa, timeStepUs } = capabilities;
  const quantumNc = (currentStepUa * timeStepUs) / 1000;
  const toQuanta = (chargeNc: number): number => wholeAtMost(chargeNc / quantumNc);
  return {
    level: wholeAtMost(Math.min(profile.maxCurrentUa, capabilities.maxCurrentUa) / currentStepUa),
    minTicks: Math.max(1, wholeAtLeast(profile.minPhaseUs / timeStepUs)),
    maxTicks: wholeAtMost(profile.maxPhaseUs / timeStepUs),
    phases: Math.min(profile.maxPhases, capabilities.maxPhases),
    quanta: toQuanta(profile.maxChargePerPhaseNc),
    netQuanta: toQuanta(profile.netChargeBudgetNc),
    gapTicks: wholeAtLeast(profile.minInterphaseGapUs / timeStepUs),
    intervalSamples: wholeAtLeast((profile.minIntervalMs / 1000) * sampleRateHz),
    secondSamples: Math.ceil(sampleRateHz),
    secondTicks: wholeAtMost(1e6 / timeStepUs),
    onTicksPerSecond: wholeAtMost((profile.maxDuty * 1e6) / timeStepUs),
    quantaPerSecond: toQuanta(profile.maxChargePerSecondNc),
    summedLevel: wholeAtMost(profile.maxSummedCurrentUa / currentStepUa),
    quantaPerSession: toQuanta(profile.maxChargePerSessionNc),
  };
}

/** Widths of the phases with a current, and of the whole pulse, which may last one second. */
function checkWidths({ electrode, steps }: StepPulse, asked: Pulse, limits: StepLimits): Broken {
  let all = 0;
  for (const [index, { level, ticks }] of steps.entries()) {
    const isGone = ticks === 0 && asked.phases[index]!.durationUs !== 0;
    if (isGone || !(ticks >= 0)) return `electrode ${electrode}: a duration is below half a step`;
    all += ticks;
    if (level === 0) continue;
    if (!(ticks >= limits.minTicks && ticks <= limits.maxTicks)) {
      return `electrode ${electrode}: a phase of ${ticks} ticks, ${limits.minTicks} to ${limits.maxTicks}`;
    }
  }
  return within(all, limits.secondTicks, `ticks of electrode ${electrode}'s whole pulse`);
}

function checkGaps({ electrode, steps }: StepPulse, least: number): Broken {
  let since: number | undefined;
  for (const { level, ticks } of steps) {
    if (level === 0) {
      if (since !== undefined) since += ticks;
      continue;
    }
    if (since !== undefined && !(since >= least)) return `electrode ${electrode}: a gap of ${since} ticks, ${least}`;
    since = 0;
  }
  return Number.isNaN(least) ? 'the profile names no gap' : undefined;
}

/** Largest charge between two moments of a pulse, in quanta: over all pairs of moments, start and end included. */
function largestExcursion({ steps }: StepPulse): number {
  let largest = 0;
  for (let from = 0; from < steps.length; from++) {
    let charge = 0;
    for (let to = from; to < steps.length; to++) {
      charge += steps[to]!.level * steps[to]!.ticks;
      largest = Math.max(largest, Math.abs(charge));
    }
  }
  return largest;
}

function findMalformed(pulses: readonly Pulse[], sample: number): Broken {
  if (!Number.isSafeInteger(sample) || sample < 0) return `sample ${sample} is no sample`;
  const seen = new Set<number>();
  for (const { electrode, phases } of pulses) {
    if (!Number.isInteger(electrode) || electrode < 0 || electrode > 65_535) return `electrode ${electrode} is none`;
    if (seen.has(electrode)) return `electrode ${electrode} twice`;
    if (phases.length > LISTED_PHASES) return `electrode ${electrode}: ${phases.length} phases`;
    seen.add(electrode);
  }
  return undefined;
}

function isProper(value: number): boolean {
  return Number.isFinite(value) && (value === 0 || Math.abs(value) >= SMALLEST);
}

function toNearestStep(value: number, step: number): number {
  const exact = value / step;
  const nudged = exact + Math.sign(exact) * (0.5 + SLACK * Math.abs(exact));
  return step > 0 ? Math.trunc(nudged) : Number.NaN;
}

function wholeAtMost(value: number): number {
  return Math.floor(value + Math.abs(value) * SLACK);
}

function wholeAtLeast(value: number): number {
  return Math.ceil(value - Math.abs(value) * SLACK);
}

/** Says what is over, unless `value` is a number and at most `limit`. */
function within(value: number, limit: number, unit: string): Broken {
  return value <= limit ? undefined : `${value} ${unit}, limit ${limit}`;
}

function firstBroken<T>(items: readonly T[], check: (item: T) => Broken): Broken {
  for (const item of items) {
    const broken = check(item);
    if (broken !== undefined) return broken;
  }
  return undefined;
}
