import { randomBytes } from 'node:crypto';
import { isMeaError } from '../../protocols/errors.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import type { Capabilities, StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Timers } from '../../protocols/timers.js';
import { CheckSkipped } from './check-verdict.js';
import { DeviceSession } from './device-session.js';
import { awaitData, dataOf, wantReply, wantType } from './expectations.js';
import type { PulseTimes } from './pulse-times.js';
import type { StimulusIds } from './stimulus-ids.js';
import { findTestPulse, type TestPulse } from './test-pulse.js';

/** An interval that is longer is not waited for. */
const MAX_SETTLE_MS = 60_000;

export interface ContextOptions {
  readonly transport: Transport;
  readonly timers: Timers;
  readonly signal: AbortSignal;
  readonly capabilities: Capabilities;
  /** The limits of the rig; no check configures wider ones. */
  readonly profile: SafetyProfile;
  readonly stimulusIds: StimulusIds;
  readonly pulseTimes: PulseTimes;
  /** The array that the rig file describes, where there is one. */
  readonly rig?: RigClaims | undefined;
}

/** What a rig file says about the device behind it. */
export interface RigClaims {
  readonly sampleRateHz: number;
  /** Electrodes of the array. */
  readonly electrodeCount: number;
}

/** A device that is armed, and with what. */
export interface ArmedSession {
  readonly session: DeviceSession;
  readonly token: Uint8Array;
}

/** What a check has in its hands; its links are closed when it ends, stimulation off first. */
export class CheckContext {
  readonly capabilities: Capabilities;
  readonly profile: SafetyProfile;
  readonly timers: Timers;
  readonly stimulusIds: StimulusIds;
  readonly pulseTimes: PulseTimes;
  readonly rig: RigClaims | undefined;
  readonly #options: ContextOptions;
  readonly #sessions: DeviceSession[] = [];

  constructor(options: ContextOptions) {
    this.#options = options;
    this.capabilities = options.capabilities;
    this.profile = options.profile;
    this.timers = options.timers;
    this.stimulusIds = options.stimulusIds;
    this.pulseTimes = options.pulseTimes;
    this.rig = options.rig;
  }

  /** Frames in a block for most checks: about 5 ms. */
  get blockFrames(): number {
    return Math.max(1, Math.min(this.capabilities.maxBlockFrames, Math.round(this.capabilities.sampleRateHz / 200)));
  }

  /** @throws CheckSkipped for a device that only records */
  get stimulation(): StimulationCapabilities {
    const { stimulation } = this.capabilities;
    if (stimulation === null) throw new CheckSkipped('the device has no stimulation outputs');
    return stimulation;
  }

  /** @throws CheckSkipped for a device that only records */
  assertStimulates(): void {
    if (this.capabilities.stimulation === null) throw new CheckSkipped('the device has no stimulation outputs');
  }

  /** @throws CheckSkipped when neither profile nor device leave room for a pulse */
  get pulse(): TestPulse {
    const pulse = findTestPulse(this.profile, this.stimulation);
    if (typeof pulse === 'string') throw new CheckSkipped(pulse);
    return pulse;
  }

  /** Seconds since this run of the kit began: by so much the impedances of the rig are older than it says. */
  get profileAgeS(): number {
    return this.pulseTimes.ageS(this.timers.nowMs());
  }

  /** True where nobody tells the device of a new link, nor of one that is gone. */
  get isSerial(): boolean {
    return this.#options.transport.address.startsWith('serial:');
  }

  /** Samples in so many milliseconds. */
  toSamples(durationMs: number): number {
    return Math.round((durationMs * this.capabilities.sampleRateHz) / 1000);
  }

  /** A link without hello. */
  async connect(clientId?: Uint8Array): Promise<DeviceSession> {
    const session = await DeviceSession.connect(this.#options, clientId);
    this.#sessions.push(session);
    return session;
  }

  /**
   * A link beside one that stands.
   *
   * @throws CheckSkipped where a second one cannot be opened, as on a serial line
   */
  async connectBeside(clientId?: Uint8Array): Promise<DeviceSession> {
    try {
      return await this.connect(clientId);
    } catch (error) {
      if (!isMeaError(error, 'link')) throw error;
      throw new CheckSkipped(`a second link cannot be opened: ${error.message}`);
    }
  }

  /** A link that is the device's controller; the device is disarmed and does not acquire. */
  async open(): Promise<DeviceSession> {
    const session = await this.connect();
    await session.hello();
    await quieten(session);
    return session;
  }

  /** The same with the rig's profile, or another. */
  async openConfigured(profile: SafetyProfile = this.profile, blockFrames = this.blockFrames): Promise<DeviceSession> {
    const session = await this.open();
    await configure(session, { profile, blockFrames });
    return session;
  }

  /** The same, acquiring; what came before is forgotten. */
  async openRunning(profile: SafetyProfile = this.profile, blockFrames = this.blockFrames): Promise<DeviceSession> {
    const session = await this.openConfigured(profile, blockFrames);
    session.data.length = 0;
    wantType(await session.send({ type: 'start' }), 'done');
    return session;
  }

  /** The same, in a session of its own, armed and kept armed; slot 0 holds the empty pattern. */
  async openArmed(profile: SafetyProfile = this.profile): Promise<ArmedSession> {
    this.assertStimulates();
    const session = await this.openRunning(profile);
    // Not while it is armed: a long wait for nothing.
    await this.#settle(session);
    await beginSession(session);
    wantType(await session.send({ type: 'upload-pattern', pattern: { slot: 0, pulses: [] } }), 'done');
    const token = await this.arm(session, profile);
    session.startHeartbeats({ token, armedForMs: () => 1000 });
    return { session, token };
  }

  /** Waits until nothing that left before counts within a second or an interval any more. */
  async #settle(session: DeviceSession): Promise<void> {
    const waitMs = this.pulseTimes.settledInMs(this.timers.nowMs(), this.profile.minIntervalMs);
    if (waitMs > MAX_SETTLE_MS) throw new CheckSkipped(`the interval of the rig takes ${waitMs} ms to pass`);
    if (waitMs > 0) await session.sleep(waitMs);
  }

  /** Arms with a token of its own; without heartbeats. */
  async arm(session: DeviceSession, profile: SafetyProfile = this.profile): Promise<Uint8Array> {
    const token = randomBytes(16);
    const { serialNumber } = this.capabilities;
    wantType(await session.send({ type: 'arm', token, serialNumber, profileHash: hashSafetyProfile(profile) }), 'done');
    return token;
  }

  /** Leaves the device disarmed and not acquiring, and closes all links. */
  async close(): Promise<void> {
    for (const session of this.#sessions) {
      session.stopHeartbeats();
      if (!session.isClosed) await quieten(session).catch(() => undefined);
    }
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}

/** The budgets of a session start afresh: what earlier checks sent no longer counts in them. */
async function beginSession(session: DeviceSession): Promise<void> {
  wantType(await session.send({ type: 'rest', durationSamples: 1 }), 'done');
}

/** Ends stimulation, then acquisition. */
async function quieten(session: DeviceSession): Promise<void> {
  await session.send({ type: 'abort' });
  await session.send({ type: 'disarm' });
  const ended = dataOf(session, 'stream-ended').length;
  const stopped = await session.send({ type: 'stop' });
  // What the end of the last acquisition still sends must not be taken for the next one's.
  if (stopped.type === 'done') await awaitData(session, 'stream-ended', { after: ended }).catch(() => undefined);
}

async function configure(
  session: DeviceSession,
  { profile, blockFrames }: { readonly profile: SafetyProfile; readonly blockFrames: number },
): Promise<void> {
  wantReply(await session.send({ type: 'configure', blockFrames, safetyProfile: profile }), 'configured');
}
