import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import { FAULTS, type FaultName, type FaultSetting } from './fault-settings.js';
import { FrameFaults } from './frame-faults.js';
import { TimedFault } from './timed-fault.js';

/** A fault that strikes the device itself at a moment. */
export type DueFault =
  | { readonly type: 'clock-step'; readonly samples: number }
  | { readonly type: 'disconnect'; readonly offTicks: number }
  | { readonly type: 'brown-out'; readonly offTicks: number };

/**
 * The faults of one emulated device: which switches are on, when they strike, and how often they did. Everything is
 * drawn from the seed, each switch from its own stream.
 */
export class DeviceFaults {
  readonly #settings: readonly FaultSetting[];
  readonly #ticksPerMs: number;
  readonly #timed: readonly TimedFault[];
  readonly #frames: FrameFaults;
  readonly #stimuli: RandomStream;
  readonly #replies: RandomStream;
  readonly #applied = new Map<FaultName, number>();
  #stalledUntil = 0;
  #halfOpenUntil = 0;
  #tick = 0;

  /**
   * @param settings the switches that are on
   * @param options seed of the faults (not of the culture), rate of the device's ticks
   */
  constructor(settings: readonly FaultSetting[], options: { readonly seed: number; readonly sampleRateHz: number }) {
    const { seed, sampleRateHz } = options;
    this.#settings = settings;
    this.#ticksPerMs = sampleRateHz / 1000;
    this.#timed = settings
      .filter(({ name }) => FAULTS[name].kind === 'every')
      .map((setting) => new TimedFault(setting, seed, this.#ticksPerMs));
    this.#frames = new FrameFaults(
      seed,
      (name) => this.#find(name)?.value ?? 0,
      (name) => {
        this.#count(name);
      },
    );
    this.#stimuli = openRandomStream(seed, 'fault-refuse-stimulus');
    this.#replies = openRandomStream(seed, 'fault-slow-ack');
  }

  /** How often each switch that is on has been applied; one that never was is there with 0. */
  get applied(): ReadonlyMap<FaultName, number> {
    return new Map(this.#settings.map(({ name }) => [name, this.#applied.get(name) ?? 0]));
  }

  /** Value of a switch that holds from the start, e.g. `counter-wrap`; undefined when it is off. Counts as applied. */
  takeConstant(name: FaultName): number | undefined {
    const setting = this.#find(name);
    if (setting !== undefined) this.#count(name);
    return setting?.value;
  }

  /** Values of a switch that may be given more than once, e.g. `stuck-channel`. Each counts as applied. */
  takeConstants(name: FaultName): readonly number[] {
    const values = this.#settings.filter((setting) => setting.name === name).map(({ value }) => value);
    for (let k = 0; k < values.length; k++) this.#count(name);
    return values;
  }

  /** What a frame becomes on its way out. */
  filterFrame(frame: Uint8Array): readonly Uint8Array[] {
    if (this.halfOpen()) return [];
    return this.#frames.filter(frame);
  }

  /** A link is gone, and with it the frames that were held back. */
  loseLink(): void {
    this.#frames.forget();
  }

  /** True while nothing gets through: what comes in is to be thrown away too. */
  halfOpen(): boolean {
    return this.#tick < this.#halfOpenUntil;
  }

  stalled(tick: number): boolean {
    return tick < this.#stalledUntil;
  }

  refusesStimulus(): boolean {
    return this.#draws('refuse-stimulus', this.#stimuli);
  }

  /** How long a reply is held back, 0 for not at all. */
  replyDelayMs(): number {
    return this.#draws('slow-ack', this.#replies) ? this.#find('slow-ack')!.amount : 0;
  }

  /** The next tick at which something may strike. */
  nextTick(tick: number): number {
    let next = Infinity;
    for (const fault of this.#timed) next = Math.min(next, fault.next);
    return Math.max(next, tick);
  }

  /** Lets time come to a tick; gives the faults of the device itself that strike now. */
  takeDue(tick: number): readonly DueFault[] {
    this.#tick = tick;
    const due: DueFault[] = [];
    for (const fault of this.#timed) {
      if (!fault.strikes(tick)) continue;
      const { name, amount } = fault.setting;
      this.#count(name);
      const untilTick = tick + Math.round(amount * this.#ticksPerMs);
      if (name === 'stall') this.#stalledUntil = untilTick;
      else if (name === 'half-open') this.#halfOpenUntil = untilTick;
      else if (name === 'clock-step') due.push({ type: 'clock-step', samples: Math.round(amount) });
      else if (name === 'disconnect' || name === 'brown-out') due.push({ type: name, offTicks: untilTick - tick });
    }
    return due;
  }

  #find(name: FaultName): FaultSetting | undefined {
    return this.#settings.find((setting) => setting.name === name);
  }

  #draws(name: FaultName, random: RandomStream): boolean {
    const share = this.#find(name)?.value ?? 0;
    if (share === 0 || random.uniform() >= share) return false;
    this.#count(name);
    return true;
  }

  #count(name: FaultName): void {
    this.#applied.set(name, (this.#applied.get(name) ?? 0) + 1);
  }
}
