import { mergeMap, Subject, type Observable } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import type { CheckedPattern } from '../../protocols/stimulation/gate.js';
import type { PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import type { StimJimTrain } from '../../protocols/stimjim/commands.js';
import type { StimJimReply } from '../../protocols/stimjim/replies.js';
import { toError } from '../mea-link/command-channel.js';
import { assertGroups, isProgrammed, notProgrammed, outputsOf, pulseOfGroup } from '../parts/group-pulse.js';
import type {
  MeasuredPulse,
  Stimulator,
  StimulatorDescription,
  StimulatorEvent,
  StimulusGroup,
} from '../parts/stimulator.js';
import { STIMJIM_CAPABILITIES } from './capabilities.js';
import { DeliveryWatch, type StimJimDelivery } from './delivery-watch.js';
import { toHarmlessTrain, toPulseTrain, type OutputPhases } from './pulse-train.js';
import { bootedMeanwhile, StimJimPort, type StimJimAddress } from './stimjim-port.js';

export interface StimJimOptions extends StimJimAddress {
  /** Triggers are `output 1` and `output 2`; an electrode each. */
  readonly groups: readonly StimulusGroup[];
}

/** A StimJim, which says as well what it has measured of each pulse. */
export interface StimJim extends Stimulator {
  /** Hot. */
  readonly deliveries$: Observable<StimJimDelivery>;
  readonly measured$: Observable<MeasuredPulse>;
}

/** Trains that are used: the first ones are those that trigger inputs are most often tied to. */
const FIRST_TRAIN = 97;

/**
 * Connects a StimJim as a stimulator: single pulses of current on its two outputs, one or both together.
 * Both timers are stopped, both outputs off, and none of its hundred trains gives anything when this resolves.
 *
 * @throws MeaError `bad-input` for groups that it does not have; `link`, `deadline`, `refused` as `StimJimPort.open`
 */
export async function connectStimJim(options: StimJimOptions, signal: AbortSignal): Promise<StimJim> {
  const outputs = outputsOf(options.groups, STIMJIM_CAPABILITIES.outputs, 'StimJim');
  const device = new StimJimDevice(options, outputs);
  await device.open(signal);
  return device;
}

class StimJimDevice implements StimJim {
  readonly description: StimulatorDescription;
  readonly #options: StimJimOptions;
  /** (group) its output, from 1. */
  readonly #outputs: readonly number[];
  readonly #port: StimJimPort;
  readonly #watch: DeliveryWatch;
  readonly #events = new Subject<StimulatorEvent>();
  readonly #deliveries = new Subject<StimJimDelivery>();
  readonly events$: Observable<StimulatorEvent> = this.#events.asObservable();
  readonly deliveries$: Observable<StimJimDelivery> = this.#deliveries.asObservable();
  readonly measured$: Observable<MeasuredPulse> = this.#deliveries.pipe(
    mergeMap(({ outputs, stages }) => outputs.map((output) => this.#toMeasured(output, stages))),
  );
  /** By the groups that it fires, `0`, `1` or `0,1`; empty when nothing is programmed. */
  #trains: ReadonlyMap<string, StimJimTrain> = new Map();
  /** All its trains were overwritten by connecting; not so while or after anything is programmed, before all is off. */
  #isProvenOff = true;
  /** It has booted: none of its hundred trains is what it was made to be. */
  #hasLostTrains = false;
  #isConnected = false;
  /** How often it was switched off, and has booted: what began before the last time does not count any more. */
  #offs = 0;
  #boots = 0;
  /** Switching off that is under way. */
  #pendingOffs = 0;

  constructor(options: StimJimOptions, outputs: readonly number[]) {
    this.#options = options;
    this.#outputs = outputs;
    this.#watch = new DeliveryWatch(options.timers, {
      onDelivery: (delivery) => {
        // after a pulse the device grounds its outputs, whatever they were before
        if (this.#port.whenOff === 'high-z') void this.#openOutputs();
        this.#deliveries.next(delivery);
      },
      onWarning: (message) => {
        this.#events.next({ type: 'warning', message });
      },
    });
    this.#port = new StimJimPort(options, {
      onReply: (reply) => {
        this.#handle(reply);
      },
      onLost: (error) => {
        this.#watch.forget();
        this.#events.next({ type: 'failed', message: error.message });
      },
    });
    this.description = {
      device: STIMJIM_CAPABILITIES.device,
      // it tells neither
      serialNumber: options.port,
      firmware: 'stimjimPulser',
      stimulation: capabilitiesOf(options.groups),
      groups: options.groups,
      maxTogether: options.groups.length,
      watchdogMs: null,
    };
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#port.open(signal);
    this.#isConnected = true;
  }

  async program(patterns: readonly CheckedPattern[], signal?: AbortSignal): Promise<void> {
    const { groups } = this.#options;
    if (patterns.length !== groups.length) {
      const wanted = `${groups.length}, one for each group`;
      throw new MeaError('bad-input', { what: 'Not as many patterns as groups', got: `${patterns.length}`, wanted });
    }
    const pulses = groups.map((group, i) => pulseOfGroup(patterns[i], group));
    if (this.#pendingOffs > 0) throw this.#notNow('it is being switched off');
    // The others of its trains would stay those of its makers.
    if (this.#hasLostTrains) throw this.#notNow('it has booted, and was not switched off since');
    this.#trains = new Map();
    const trains = new Map<string, StimJimTrain>();
    this.#isProvenOff = false;
    const [offs, boots] = [this.#offs, this.#boots];
    const choices = groups.length === 2 ? [[0], [1], [0, 1]] : [[0]];
    choices.forEach((choice, i) => trains.set(choice.join(), this.#toTrain(FIRST_TRAIN + i, choice, pulses)));
    for (const train of trains.values()) {
      await this.#port.upload(train, signal);
      if (this.#boots !== boots) throw this.#notNow('it has booted meanwhile');
      if (this.#offs !== offs) throw this.#notNow('it was switched off meanwhile');
    }
    this.#trains = trains;
  }

  async fire(groups: readonly number[]): Promise<void> {
    assertGroups(groups, this.#outputs.length, this.#port.where);
    const train = this.#trains.get([...groups].sort((a, b) => a - b).join());
    if (train === undefined) throw notProgrammed(this.#port.where);
    if (this.#watch.isRunning) {
      throw new MeaError('refused', {
        what: 'The StimJim is still busy with the last pulse',
        where: this.#port.where,
        remedy: `leave at least ${train.periodUs / 1000} ms between two stimuli`,
      });
    }
    this.#watch.begin(train);
    await this.#port.start(train.n);
  }

  async tryTrigger(group: number): Promise<void> {
    assertGroups([group], this.#outputs.length, this.#port.where);
    if (!this.#isProvenOff) throw isProgrammed(this.#port.where);
    // All its trains are harmless.
    await this.#port.start(FIRST_TRAIN + group);
  }

  async allOff(): Promise<void> {
    const mayBeProgrammed = this.#isProvenOff ? 0 : this.#options.groups.length === 2 ? 3 : 1;
    this.#offs += 1;
    this.#pendingOffs += 1;
    const boots = this.#boots;
    this.#isProvenOff = false;
    this.#trains = new Map();
    this.#watch.forget();
    try {
      await this.#port.stop();
      if (this.#hasLostTrains) await this.#port.overwriteTrains();
      else await this.#overwrite(mayBeProgrammed);
      if (this.#boots !== boots) throw bootedMeanwhile(this.#port.where);
      this.#hasLostTrains = false;
      if (this.#pendingOffs === 1) this.#isProvenOff = true;
    } finally {
      this.#pendingOffs -= 1;
    }
  }

  async close(): Promise<void> {
    if (this.#port.isOpen) {
      await this.allOff().catch((error: unknown) => {
        const message = `That the StimJim at ${this.#port.where} is off is not known: ${toError(error).message}`;
        this.#events.next({ type: 'warning', message });
      });
    }
    await this.#port.close();
    this.#events.complete();
    this.#deliveries.complete();
  }

  async #overwrite(trains: number): Promise<void> {
    for (let i = 0; i < trains; i++) {
      await this.#port.upload(toHarmlessTrain(FIRST_TRAIN + i, this.#port.whenOff));
    }
  }

  async #openOutputs(): Promise<void> {
    try {
      await this.#port.turnOff();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#events.next({ type: 'warning', message: `The outputs of the StimJim stay grounded: ${reason}` });
    }
  }

  #toMeasured(output: number, stages: StimJimDelivery['stages']): MeasuredPulse {
    const group = this.#options.groups[this.#outputs.indexOf(output)];
    const place = output - 1;
    return {
      electrode: group?.electrodes[0] ?? Number.NaN,
      phases: stages.map(({ asked, measured }) => ({
        askedUa: asked.amplitudes[place] ?? Number.NaN,
        measuredUa: measured[place] ?? Number.NaN,
      })),
    };
  }

  #toTrain(n: number, choice: readonly number[], pulses: readonly (readonly PulsePhase[] | null)[]): StimJimTrain {
    const whenOff = this.#port.whenOff;
    const phasesOf = (output: number): readonly PulsePhase[] | null => {
      const group = this.#outputs.indexOf(output);
      return choice.includes(group) ? (pulses[group] ?? null) : null;
    };
    const outputs: OutputPhases = [phasesOf(1), phasesOf(2)];
    if (outputs.every((phases) => phases === null)) return toHarmlessTrain(n, whenOff);
    return toPulseTrain(n, outputs, {
      whenOff,
      where: choice.map((group) => this.#options.groups[group]!.trigger).join(),
    });
  }

  #handle(reply: StimJimReply): void {
    if (reply.type === 'booting') {
      if (this.#isConnected) this.#handleBoot();
    } else this.#watch.handle(reply);
  }

  /** Its trains are those of its makers now, which are not harmless; all off overwrites them. */
  #handleBoot(): void {
    this.#boots += 1;
    this.#trains = new Map();
    this.#isProvenOff = false;
    this.#hasLostTrains = true;
    this.#watch.forget();
    const message = 'The StimJim has booted anew: what was programmed is lost, and that it is off is not known';
    this.#events.next({ type: 'failed', message });
  }

  #notNow(got: string): MeaError {
    return new MeaError('refused', {
      what: 'The StimJim was not programmed',
      got,
      where: this.#port.where,
      remedy: 'wait until all is off, then program it again',
    });
  }
}

function capabilitiesOf(groups: readonly StimulusGroup[]): StimulationCapabilities {
  return {
    electrodes: groups.flatMap(({ electrodes }) => electrodes).sort((a, b) => a - b),
    currentStepUa: STIMJIM_CAPABILITIES.currentStepUa,
    maxCurrentUa: STIMJIM_CAPABILITIES.maxCurrentUa,
    timeStepUs: STIMJIM_CAPABILITIES.timeStepUs,
    maxPhases: 10,
    slots: groups.length,
    queueLength: 1,
    scheduling: 'immediate',
    delivery: 'observed',
    maxAheadMs: STIMJIM_CAPABILITIES.scheduleAheadMs,
  };
}
