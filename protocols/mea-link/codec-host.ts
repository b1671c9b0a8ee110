import { assertNever } from '../errors.js';
import type { Pulse, PulsePhase, StimPattern, StimTime } from '../stimulation/stim-pattern.js';
import { hertz } from '../units.js';
import {
  HASH_BYTES,
  MAX_ELECTRODE,
  MAX_SAMPLE,
  TOKEN_BYTES,
  badField,
  checkElectrodeSet,
  checkInteger,
  checkNumber,
  checkPresent,
  checkSample,
  copyBytes,
  fromNanoamps,
  fromNanoseconds,
  toNanoamps,
  toNanoseconds,
} from './codec-values.js';
import type { mealink } from './generated/mea_link.js';
import type { Command, HostHeartbeat } from './messages.js';
import { decodeSafetyProfile, encodeSafetyProfile } from './safety-profile-hash.js';

type WireCommand = mealink.v1.Command.$Properties;
type WireTrigger = mealink.v1.TriggerCommand.$Properties;
type Named<Type extends Command['type']> = Extract<Command, { readonly type: Type }>;

/**
 * The command as the generated classes take it.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function toWireCommand(command: Command): WireCommand {
  switch (command.type) {
    case 'hello':
      return { hello: { ...command, ...checkVersion(command), clientId: copyToken(command.clientId, 'client id') } };
    case 'configure':
      return {
        configure: {
          blockFrames: checkBlockFrames(command.blockFrames),
          safetyProfile: encodeSafetyProfile(command.safetyProfile),
        },
      };
    case 'rest':
      return { rest: { durationSamples: checkDuration(command.durationSamples) } };
    case 'upload-pattern':
      return { uploadPattern: toWirePattern(command.pattern) };
    case 'trigger':
      return { trigger: toWireTrigger(command) };
    case 'cancel':
      return { cancel: { stimulusId: checkInteger(command.stimulusId, { field: 'stimulus id' }) } };
    case 'arm':
      return {
        arm: {
          token: copyToken(command.token, 'arm token'),
          serialNumber: command.serialNumber,
          profileHash: copyBytes(command.profileHash, 'profile hash', HASH_BYTES),
        },
      };
    case 'measure-impedance':
      return {
        measureImpedance: {
          electrodes: [...checkElectrodeSet(command.electrodes, 'electrode to measure')],
          frequencyHz: checkNumber(command.frequencyHz, { field: 'frequency in Hz', min: 0 }),
        },
      };
    case 'resume':
      return {
        resume: {
          bootId: checkInteger(command.bootId, { field: 'boot id' }),
          fromSequence: checkInteger(command.fromSequence, { field: 'sequence to resume from' }),
        },
      };
    case 'start':
    case 'stop':
    case 'abort':
    case 'disarm':
    case 'status':
      return { [command.type]: {} };
    default:
      return assertNever(command);
  }
}

/**
 * The command of a decoded message, or undefined when it is one that this version does not know.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function fromWireCommand(raw: WireCommand): Command | undefined {
  if (raw.hello) return fromWireHello(raw.hello);
  if (raw.configure) return fromWireConfigure(raw.configure);
  if (raw.start) return { type: 'start' };
  if (raw.stop) return { type: 'stop' };
  if (raw.rest) return { type: 'rest', durationSamples: checkDuration(raw.rest.durationSamples) };
  if (raw.uploadPattern) return { type: 'upload-pattern', pattern: fromWirePattern(raw.uploadPattern) };
  if (raw.trigger) return fromWireTrigger(raw.trigger);
  if (raw.cancel) {
    return { type: 'cancel', stimulusId: checkInteger(raw.cancel.stimulusId, { field: 'stimulus id' }) };
  }
  if (raw.abort) return { type: 'abort' };
  if (raw.arm) return fromWireArm(raw.arm);
  if (raw.disarm) return { type: 'disarm' };
  if (raw.measureImpedance) return fromWireMeasurement(raw.measureImpedance);
  if (raw.resume) return fromWireResume(raw.resume);
  if (raw.status) return { type: 'status' };
  return undefined;
}

/**
 * The heartbeat as the generated classes take it. A part of a millisecond is rounded up, so that the time of a device
 * that is armed never reads 0.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function toWireHeartbeat(heartbeat: HostHeartbeat): mealink.v1.HostHeartbeat.$Properties {
  return {
    token: copyHeartbeatToken(heartbeat.token),
    progress: checkProgress(heartbeat.progress),
    armedForMs: checkInteger(Math.ceil(heartbeat.armedForMs), { field: 'armed time in ms' }),
  };
}

/**
 * The heartbeat of a decoded message.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function fromWireHeartbeat(
  raw: mealink.v1.HostHeartbeat.$Properties,
): Pick<HostHeartbeat, 'token' | 'progress' | 'armedForMs'> {
  return {
    token: copyHeartbeatToken(raw.token),
    progress: checkProgress(raw.progress),
    armedForMs: checkInteger(raw.armedForMs, { field: 'armed time in ms' }),
  };
}

function fromWireHello(raw: mealink.v1.HelloCommand.$Properties): Named<'hello'> {
  return {
    type: 'hello',
    ...checkVersion(raw),
    client: raw.client ?? '',
    clientId: copyToken(raw.clientId, 'client id'),
  };
}

function fromWireConfigure(raw: mealink.v1.ConfigureCommand.$Properties): Named<'configure'> {
  return {
    type: 'configure',
    blockFrames: checkBlockFrames(raw.blockFrames),
    safetyProfile: decodeSafetyProfile(checkPresent(raw.safetyProfile, 'safety profile')),
  };
}

function toWireTrigger({ stimulusId, slot, at, token }: Named<'trigger'>): WireTrigger {
  return {
    stimulusId: checkInteger(stimulusId, { field: 'stimulus id' }),
    slot: checkInteger(slot, { field: 'slot' }),
    token: copyToken(token, 'trigger token'),
    ...(at.type === 'now' ? { now: true } : { sample: checkSample(at.sample, 'trigger sample') }),
  };
}

function fromWireTrigger(raw: WireTrigger): Named<'trigger'> {
  return {
    type: 'trigger',
    stimulusId: checkInteger(raw.stimulusId, { field: 'stimulus id' }),
    slot: checkInteger(raw.slot, { field: 'slot' }),
    at: fromWireTime(raw),
    token: copyToken(raw.token, 'trigger token'),
  };
}

function fromWireTime({ now, sample }: WireTrigger): StimTime {
  if (now === true) return { type: 'now' };
  if (sample === null || sample === undefined) throw badField('trigger time', 'none', '`now` or a sample');
  return { type: 'sample', sample: checkSample(sample, 'trigger sample') };
}

function fromWireArm(raw: mealink.v1.ArmCommand.$Properties): Named<'arm'> {
  return {
    type: 'arm',
    token: copyToken(raw.token, 'arm token'),
    serialNumber: raw.serialNumber ?? '',
    profileHash: copyBytes(raw.profileHash, 'profile hash', HASH_BYTES),
  };
}

function fromWireMeasurement(raw: mealink.v1.MeasureImpedanceCommand.$Properties): Named<'measure-impedance'> {
  return {
    type: 'measure-impedance',
    electrodes: checkElectrodeSet(raw.electrodes, 'electrode to measure'),
    frequencyHz: hertz(checkNumber(raw.frequencyHz, { field: 'frequency in Hz', min: 0 })),
  };
}

function fromWireResume(raw: mealink.v1.ResumeCommand.$Properties): Named<'resume'> {
  return {
    type: 'resume',
    bootId: checkInteger(raw.bootId, { field: 'boot id' }),
    fromSequence: checkInteger(raw.fromSequence, { field: 'sequence to resume from' }),
  };
}

function toWirePattern({ slot, pulses }: StimPattern): mealink.v1.UploadPatternCommand.$Properties {
  checkPulsed(pulses);
  return {
    slot: checkInteger(slot, { field: 'slot' }),
    pulses: pulses.map(({ electrode, phases }) => ({
      electrode,
      phases: phases.map(({ currentUa, durationUs }) => ({
        currentNa: toNanoamps(currentUa),
        durationNs: toNanoseconds(durationUs),
      })),
    })),
  };
}

function fromWirePattern(raw: mealink.v1.UploadPatternCommand.$Properties): StimPattern {
  const pulses = (raw.pulses ?? []).map(fromWirePulse);
  checkPulsed(pulses);
  return { slot: checkInteger(raw.slot, { field: 'slot' }), pulses };
}

function fromWirePulse({ electrode, phases }: mealink.v1.Pulse.$Properties): Pulse {
  return {
    electrode: checkInteger(electrode, { field: 'electrode', max: MAX_ELECTRODE }),
    phases: (phases ?? []).map(({ currentNa, durationNs }): PulsePhase => ({
      currentUa: fromNanoamps(currentNa),
      durationUs: fromNanoseconds(durationNs),
    })),
  };
}

function checkPulsed(pulses: readonly Pulse[]): void {
  checkElectrodeSet(
    pulses.map(({ electrode }) => electrode),
    'electrode of the pattern',
  );
}

function checkVersion(raw: { major?: number | null; minor?: number | null }): { major: number; minor: number } {
  return {
    major: checkInteger(raw.major, { field: 'major version' }),
    minor: checkInteger(raw.minor, { field: 'minor version' }),
  };
}

function checkBlockFrames(value: number | null | undefined): number {
  return checkInteger(value, { field: 'frames in a block', min: 1 });
}

function checkDuration(value: Parameters<typeof checkInteger>[0]): number {
  return checkInteger(value, { field: 'rest in samples', max: MAX_SAMPLE });
}

function checkProgress(value: Parameters<typeof checkInteger>[0]): number {
  return checkInteger(value, { field: 'progress', max: MAX_SAMPLE });
}

function copyToken(value: Uint8Array | null | undefined, field: string): Uint8Array {
  return copyBytes(value, field, TOKEN_BYTES);
}

function copyHeartbeatToken(value: Uint8Array | null | undefined): Uint8Array {
  const length = value?.length ?? 0;
  return length === 0 ? new Uint8Array(0) : copyToken(value, 'heartbeat token');
}
