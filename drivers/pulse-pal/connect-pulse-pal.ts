import type { Observable } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import { HARMLESS_CHANNEL, UNLINKED_TRIGGER, type PulsePalChannel } from '../../protocols/pulse-pal/settings.js';
import { DAC_STEPS, MAX_VOLTS } from '../../protocols/pulse-pal/values.js';
import type { CheckedPattern } from '../../protocols/stimulation/gate.js';
import { assertGroups, isProgrammed, notProgrammed, outputsOf, pulseOfGroup } from '../parts/group-pulse.js';
import type { Stimulator, StimulatorDescription, StimulatorEvent, StimulusGroup } from '../parts/stimulator.js';
import { PULSE_PAL_CAPABILITIES } from './capabilities.js';
import type { PulsePalAddress } from './pulse-pal-link.js';
import { openPulsePal, type PulsePalPort } from './pulse-pal-port.js';
import { toPulseChannel } from './pulse-settings.js';

/** A Pulse Pal as a stimulator. Without an isolator, and without what keeps its 10 V from the recorder, it programs nothing. */
export interface PulsePalOptions extends PulsePalAddress {
  /** Triggers are `output 1` to `output 4`; an electrode each. */
  readonly groups: readonly StimulusGroup[];
  /** What turns its volts into a current: maker and type, and its range. */
  readonly isolator?: { readonly name: string; readonly uaPerVolt: number };
  /** What the recorder's inputs bear, and what keeps more from them. */
  readonly recorderInput?: { readonly maxVolts: number; readonly protection: string };
}

/**
 * Connects a Pulse Pal as a stimulator: its outputs, each through an isolator, give single pulses of one or two phases.
 * It stands at 0 V with nothing that could trigger it when this resolves.
 *
 * @throws MeaError `bad-input` for groups that it does not have; `link`, `refused`, `deadline` as `openPulsePal`
 */
export async function connectPulsePal(options: PulsePalOptions, signal: AbortSignal): Promise<Stimulator> {
  const outputs = outputsOf(options.groups, PULSE_PAL_CAPABILITIES.outputs, 'Pulse Pal');
  return new PulsePalStimulator(await openPulsePal(options, signal), options, outputs);
}

class PulsePalStimulator implements Stimulator {
  readonly description: StimulatorDescription;
  readonly #port: PulsePalPort;
  readonly #options: PulsePalOptions;
  /** (group) number of its output. */
  readonly #outputs: readonly number[];

  constructor(port: PulsePalPort, options: PulsePalOptions, outputs: readonly number[]) {
    this.#port = port;
    this.#options = options;
    this.#outputs = outputs;
    this.description = {
      device: PULSE_PAL_CAPABILITIES.device,
      // it tells none
      serialNumber: options.port,
      firmware: String(port.firmware),
      stimulation: capabilitiesOf(options),
      groups: options.groups,
      maxTogether: PULSE_PAL_CAPABILITIES.maxTogether,
      watchdogMs: null,
    };
  }

  get events$(): Observable<StimulatorEvent> {
    return this.#port.events$;
  }

  async program(patterns: readonly CheckedPattern[], signal?: AbortSignal): Promise<void> {
    const { groups } = this.#options;
    const uaPerVolt = requireIsolator(this.#options);
    if (patterns.length !== groups.length) {
      const wanted = `${groups.length}, one for each group`;
      throw new MeaError('bad-input', { what: 'Not as many patterns as groups', got: `${patterns.length}`, wanted });
    }
    const channels: [PulsePalChannel, PulsePalChannel, PulsePalChannel, PulsePalChannel] = [
      HARMLESS_CHANNEL,
      HARMLESS_CHANNEL,
      HARMLESS_CHANNEL,
      HARMLESS_CHANNEL,
    ];
    groups.forEach((group, i) => {
      const phases = pulseOfGroup(patterns[i], group);
      if (phases !== null)
        channels[this.#outputs[i]! - 1] = toPulseChannel(phases, { uaPerVolt, where: group.trigger });
    });
    await this.#port.program({ channels, triggers: [UNLINKED_TRIGGER, UNLINKED_TRIGGER] }, signal);
  }

  async fire(groups: readonly number[]): Promise<void> {
    assertGroups(groups, this.#outputs.length, this.#port.where);
    if (!this.#port.isProgrammed) throw notProgrammed(this.#port.where);
    await this.#port.trigger(groups.map((group) => this.#outputs[group]!));
  }

  async tryTrigger(group: number): Promise<void> {
    assertGroups([group], this.#outputs.length, this.#port.where);
    if (!this.#port.isHarmless) throw isProgrammed(this.#port.where);
    // At 0 V.
    await this.#port.trigger([this.#outputs[group]!]);
  }

  async allOff(): Promise<void> {
    await this.#port.makeHarmless();
  }

  async close(): Promise<void> {
    await this.#port.close();
  }
}

function capabilitiesOf({ groups, isolator }: PulsePalOptions): StimulationCapabilities {
  const uaPerVolt = isolator?.uaPerVolt ?? 0;
  return {
    electrodes: groups.flatMap(({ electrodes }) => electrodes).sort((a, b) => a - b),
    currentStepUa: (2 * MAX_VOLTS * uaPerVolt) / DAC_STEPS,
    maxCurrentUa: MAX_VOLTS * uaPerVolt,
    timeStepUs: PULSE_PAL_CAPABILITIES.timeStepUs,
    maxPhases: 2,
    slots: groups.length,
    queueLength: 1,
    scheduling: 'immediate',
    delivery: 'observed',
    maxAheadMs: PULSE_PAL_CAPABILITIES.scheduleAheadMs,
  };
}

/** @throws MeaError `refused` */
function requireIsolator({ isolator, recorderInput, port }: PulsePalOptions): number {
  const isIsolated = isolator !== undefined && isolator.name.trim() !== '' && isolator.uaPerVolt > 0;
  const isProtected =
    recorderInput !== undefined && recorderInput.protection.trim() !== '' && recorderInput.maxVolts > 0;
  if (isIsolated && isProtected && Number.isFinite(isolator.uaPerVolt)) return isolator.uaPerVolt;
  throw new MeaError('refused', {
    what: 'A Pulse Pal gives 10 V by itself: it programs no pulses without an isolator',
    got: `${isIsolated ? 'an isolator' : 'no isolator'}, ${isProtected ? 'a protected recorder' : 'no word about the recorder'}`,
    wanted: "the isolator's name and its uA per volt, the recorder's maximum input voltage and what protects it",
    where: port,
    remedy: 'write `isolator` and `recorderInput` into the rig file, and check them with a dummy load',
  });
}
