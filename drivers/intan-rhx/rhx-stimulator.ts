import type { Observable } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import type { RhxCommand } from '../../protocols/intan-rhx/command.js';
import { toStimSettings } from '../../protocols/intan-rhx/stim-checks.js';
import {
  countStimSteps,
  IDLE_STIM_SETTINGS,
  stepOf,
  type StimSettings,
} from '../../protocols/intan-rhx/stim-settings.js';
import { isCheckedPattern, type CheckedPattern } from '../../protocols/stimulation/gate.js';
import { waitWithin } from '../mea-link/bounded-wait.js';
import { toError } from '../mea-link/command-channel.js';
import { EventOutlet } from '../mea-link/event-outlet.js';
import type { OffOptions, Stimulator, StimulatorDescription, StimulatorEvent } from '../parts/stimulator.js';
import { INTAN_RHX_CAPABILITIES } from './capabilities.js';
import type { RhxGroup } from './options.js';
import type { RhxRecorder } from './rhx-recorder.js';
import { describeReply, type RhxIdentity, type RhxSession } from './rhx-session.js';

/** The stimulating half of a controller: groups of electrodes, each behind its trigger. */
export class RhxStimulator implements Stimulator {
  readonly description: StimulatorDescription;
  readonly #session: RhxSession;
  readonly #identity: RhxIdentity;
  readonly #recorder: RhxRecorder;
  readonly #outlet = new EventOutlet<StimulatorEvent>();
  #isProgrammed = false;
  /** All outputs were switched off, and that was read back, by connecting first; not so while or after anything is programmed. */
  #isProvenOff = true;
  /** A key was pressed, and RHX has not answered to it. */
  #isPressing = false;
  /** The programming that is under way; switching off ends it. */
  #programming: AbortController | undefined;
  /** The switching off that is under way. */
  #switchingOff: Promise<void> | undefined;
  /** Nothing more is told. */
  #isOver = false;
  #isClosed = false;

  constructor(session: RhxSession, parts: { readonly identity: RhxIdentity; readonly recorder: RhxRecorder }) {
    const { groups } = session.options;
    const { steps } = parts.identity;
    const { maxCurrentSteps, maxPhases } = INTAN_RHX_CAPABILITIES;
    this.#session = session;
    session.hold();
    this.#identity = parts.identity;
    this.#recorder = parts.recorder;
    const { device, serialNumber, firmware } = parts.recorder.description;
    this.description = {
      device,
      serialNumber,
      firmware,
      stimulation: {
        electrodes: groups.flatMap(({ electrodes }) => electrodes).sort((a, b) => a - b),
        currentStepUa: steps.stepUa,
        maxCurrentUa: Number((maxCurrentSteps * steps.stepUa).toPrecision(12)),
        timeStepUs: stepOf('us', steps),
        maxPhases,
        slots: groups.length,
        queueLength: 1,
        scheduling: 'immediate',
        delivery: 'observed',
        maxAheadMs: 0,
      },
      groups: groups.map(({ trigger, electrodes }) => ({ trigger, electrodes })),
      maxTogether: groups.some(({ key }) => key !== null) ? 1 : groups.length,
      watchdogMs: null,
    };
  }

  get events$(): Observable<StimulatorEvent> {
    return this.#outlet.events$;
  }

  async program(patterns: readonly CheckedPattern[], signal?: AbortSignal): Promise<void> {
    const settings = this.#toSettings(patterns);
    if (this.#recorder.isRunning) {
      throw new MeaError('refused', {
        what: 'RHX is programmed only while its board is stopped',
        got: 'a running board',
        remedy: 'stop the recorder first',
      });
    }
    if (this.#switchingOff !== undefined || this.#programming !== undefined) {
      throw new MeaError('refused', {
        what: 'RHX cannot be programmed now',
        got: this.#switchingOff === undefined ? 'it is being programmed' : 'it is being switched off',
        remedy: 'wait for the end of that',
      });
    }
    this.#isProgrammed = false;
    this.#isProvenOff = false;
    const programming = new AbortController();
    this.#programming = programming;
    const signals = [programming.signal, ...(signal === undefined ? [] : [signal])];
    try {
      await this.#session.program(settings, this.#identity.steps, AbortSignal.any(signals));
      programming.signal.throwIfAborted();
      this.#recorder.pulseGap = this.#longestGap(settings);
      this.#isProgrammed = true;
    } catch (error) {
      // Outputs may have been uploaded already: nobody knows what they hold.
      await this.#switchOff().catch((reason: unknown) => {
        this.#warn(`stimulation may still be on: ${toError(reason).message}`);
      });
      throw error;
    } finally {
      this.#programming = undefined;
    }
  }

  async fire(places: readonly number[]): Promise<void> {
    if (!this.#isProgrammed) throw notReady('nothing is programmed', 'program first; all off forgets what was');
    await this.#trigger(places);
  }

  async tryTrigger(place: number): Promise<void> {
    if (!this.#isProvenOff) throw notReady('a program may be there, and would leave', 'connect again');
    await this.#trigger([place]);
  }

  async #trigger(places: readonly number[]): Promise<void> {
    const groups = this.#listGroups(places);
    if (!this.#recorder.isRunning) throw notReady('the board does not run', 'start the recorder first');
    if (!this.#session.console.isConnected) throw notReady('RHX can no longer be commanded', 'connect again');
    const key = groups[0]?.key ?? null;
    if (key !== null) {
      await this.#pressKey(key);
      return;
    }
    await this.#session.options.triggerBox!.pulse(groups.flatMap(({ boxLine }) => boxLine ?? []));
  }

  /**
   * `sure`: the board stopped, the outputs of all groups switched off, uploaded and read back, the lines of the box low.
   * `hold`: the same where the board does not run; where it runs, the lines low and what waits dropped, but the outputs keep
   * their single pulses: an edge or a key of somebody else still fires one.
   */
  async allOff({ how }: OffOptions = { how: 'sure' }): Promise<void> {
    this.#isProgrammed = false;
    this.#endProgramming();
    const holds = how === 'hold' && this.#recorder.isRunning;
    await this.#endStimulation(holds ? this.#hold() : this.#switchOff());
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { timers, deadlines, address } = this.#session.options;
    const bounds = { timers, delayMs: deadlines.boardMs, what: 'All off', where: address };
    if (this.#session.console.isConnected) {
      await waitWithin(this.#endStimulation(this.#switchOff()), bounds).catch((error: unknown) => {
        this.#warn(`stimulation may still be on: ${toError(error).message}`);
      });
    }
    this.#isOver = true;
    this.#outlet.complete();
    this.#session.release();
  }

  /** The command port is gone: nothing can be fired or switched off any more. */
  handleGone(reason: string): void {
    this.#isProgrammed = false;
    if (this.#isOver) return;
    this.#isOver = true;
    const message = `RHX can no longer be commanded (${reason}): nothing more is fired; its board goes on, and lines and keys still trigger it`;
    this.#outlet.emit({ type: 'failed', message });
    this.#outlet.complete();
  }

  async #pressKey(key: string): Promise<void> {
    if (this.#isPressing)
      throw notReady('RHX has not answered to the last trigger', 'leave more time between two stimuli');
    const press: RhxCommand = { type: 'execute', action: 'ManualStimTriggerPulse', argument: key };
    this.#isPressing = true;
    const pressed = this.#session.console.tell([press], (answer) => {
      this.#isPressing = false;
      if (answer instanceof Error) this.#warn(`the trigger ${key} was not confirmed: ${answer.message}`);
      else if (answer[0] !== undefined) this.#warn(`RHX refused the trigger ${key}: ${describeReply(answer[0])}`);
      else if (this.#session.console.mode === 'Stop') this.#warn(`the trigger ${key} came to a stopped board`);
    });
    try {
      await pressed;
    } catch (error) {
      // It was not sent, or the connection is gone.
      this.#isPressing = false;
      throw error;
    }
  }

  /** With the lines of the box low. */
  async #endStimulation(ending: Promise<void>): Promise<void> {
    const results = await Promise.allSettled([this.#session.options.triggerBox?.allOff(), ending]);
    for (const result of results) if (result.status === 'rejected') throw toError(result.reason);
  }

  /** Nothing waits any more, and RHX has heard all that was sent. */
  async #hold(): Promise<void> {
    await this.#session.askMode({ urgent: true });
  }

  /** One at a time: nothing is programmed meanwhile, so that the one that is under way does for whoever comes. */
  #switchOff(): Promise<void> {
    this.#isProgrammed = false;
    this.#isProvenOff = false;
    this.#endProgramming();
    this.#switchingOff ??= this.#stopAndSwitchOff().finally(() => {
      this.#switchingOff = undefined;
    });
    return this.#switchingOff;
  }

  #endProgramming(): void {
    const what = 'RHX was not programmed';
    this.#programming?.abort(new MeaError('refused', { what, got: 'stimulation was switched off meanwhile' }));
  }

  async #stopAndSwitchOff(): Promise<void> {
    this.#recorder.beginStop();
    try {
      await this.#session.stop({ urgent: true });
    } catch (error) {
      this.#recorder.handleStopFailed();
      throw error;
    }
    try {
      await this.#disableOutputs();
    } finally {
      void this.#recorder.handleStopped('stimulation was switched off, and the board with it');
    }
  }

  async #disableOutputs(): Promise<void> {
    const items = this.description.stimulation.electrodes.map((electrode) => {
      return `${this.#session.options.channels[electrode]!}.StimEnabled`;
    });
    await this.#session.do(items.map((item): RhxCommand => ({ type: 'set', item, value: false })));
    await this.#session.upload();
    const on = (await this.#session.read(items)).findIndex((value) => value.toLowerCase() !== 'false');
    if (on < 0) {
      this.#isProvenOff = true;
      return;
    }
    throw new MeaError('refused', { what: `RHX holds ${items[on]!} although it was switched off` });
  }

  #toSettings(patterns: readonly CheckedPattern[]): ReadonlyMap<string, StimSettings> {
    const { groups, channels, around } = this.#session.options;
    if (patterns.length !== groups.length) {
      throw new MeaError('refused', {
        what: 'One pattern for each group',
        got: `${patterns.length}`,
        wanted: `${groups.length}`,
      });
    }
    const settings = new Map<string, StimSettings>();
    for (const [i, pattern] of patterns.entries()) {
      const { trigger, source, electrodes } = groups[i]!;
      if (!isCheckedPattern(pattern)) {
        throw new MeaError('refused', { what: 'A pattern did not pass the safety gate', where: trigger });
      }
      // An electrode of the group that the pattern leaves out stays off.
      for (const electrode of electrodes) settings.set(channels[electrode]!, { ...IDLE_STIM_SETTINGS, source });
      for (const pulse of pattern.pulses) {
        if (!electrodes.includes(pulse.electrode)) {
          const [got, wanted] = [`electrode ${pulse.electrode}`, electrodes.join(', ')];
          throw new MeaError('refused', {
            what: 'A pattern pulses electrodes that its trigger does not fire',
            got,
            wanted,
            where: trigger,
          });
        }
        const result = toStimSettings(pulse, this.#identity.steps, { ...around, source });
        if (result.type === 'refused') {
          const got = result.refusals.map(({ rule, message }) => `${rule}: ${message}`).join('; ');
          const where = `electrode ${pulse.electrode}, ${trigger}`;
          throw new MeaError('refused', { what: 'RHX cannot make this pulse', got, where });
        }
        settings.set(channels[pulse.electrode]!, result.settings);
      }
    }
    return settings;
  }

  #longestGap(settings: ReadonlyMap<string, StimSettings>): number {
    const step = stepOf('us', this.#identity.steps);
    const gaps = [...settings.values()]
      .filter(({ stimEnabled, shape }) => stimEnabled && shape === 'BiphasicWithInterphaseDelay')
      .map(({ interphaseDelayUs }) => countStimSteps(interphaseDelayUs, step));
    return Math.max(0, ...gaps);
  }

  #listGroups(places: readonly number[]): readonly RhxGroup[] {
    const { groups } = this.#session.options;
    const fired = places.map((place) => groups[place]);
    if (places.length === 0 || new Set(places).size < places.length || fired.includes(undefined)) {
      const wanted = `different ones from 0 to ${groups.length - 1}`;
      throw new MeaError('refused', { what: 'No such groups to fire', got: places.join(', '), wanted });
    }
    if (places.length > this.description.maxTogether) {
      throw new MeaError('refused', {
        what: 'Several keys of RHX are not simultaneous',
        got: `${places.length} groups`,
        wanted: `${this.description.maxTogether} at a time`,
        remedy: 'use a trigger box at the digital inputs',
      });
    }
    return fired.flatMap((group) => group ?? []);
  }

  #warn(message: string): void {
    this.#outlet.emit({ type: 'warning', message });
  }
}

function notReady(got: string, remedy: string): MeaError {
  return new MeaError('refused', { what: 'Nothing can be fired', got, remedy });
}
