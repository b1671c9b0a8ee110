import { MeaError } from '../../protocols/errors.js';
import { IDLE_STIM_SETTINGS } from '../../protocols/intan-rhx/stim-settings.js';
import type { Recorder } from '../parts/recorder.js';
import type { Stimulator } from '../parts/stimulator.js';
import { openSocket } from './open-socket.js';
import { checkRhxOptions, type IntanRhxOptions } from './options.js';
import { RhxConsole } from './rhx-console.js';
import { RhxRecorder } from './rhx-recorder.js';
import { RhxSession, describeReply, type RhxIdentity } from './rhx-session.js';
import { RhxStimulator } from './rhx-stimulator.js';

/** A connected controller. */
export interface IntanRhx {
  readonly recorder: Recorder;
  /** Null where no group was named. */
  readonly stimulator: Stimulator | null;
  /** The stimulator first, then the recorder; bounded in time, never rejects. */
  close(): Promise<void>;
}

/** The one kind of controller that stimulates. */
const STIM_CONTROLLER = 'ControllerStimRecord';
const PORTS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];

const COMMAND_REMEDY =
  'in RHX open Network > Remote TCP Control and press Connect; it takes one client, so another program may have it';

/**
 * Connects to RHX: the right controller at the right settings, all stimulation of all channels switched off, uploaded and read
 * back, nothing in the waveform stream but the electrodes of `channels` and the stimulators of `groups`.
 *
 * A board that runs is stopped, but not one that records: that is somebody's recording.
 *
 * @param signal gives up connecting; without effect afterwards
 * @throws MeaError `bad-input` for options that cannot be, `link` where nobody listens, `deadline` without an answer,
 *   `refused` for another controller, other settings than `expected`, a channel that is not there, a recording that goes on, a
 *   waveform port that another program has, or settings that RHX does not take
 */
export async function connectIntanRhx(options: IntanRhxOptions, signal: AbortSignal): Promise<IntanRhx> {
  const checked = checkRhxOptions(options);
  const { host, ports, timers, deadlines, address } = checked;
  const place = { host, port: ports.command, remedy: COMMAND_REMEDY };
  const socket = await openSocket(place, { timers, connectMs: deadlines.connectMs, signal });
  // Until both parts are there, what is wrong shows in the answer that is waited for.
  const listeners: Record<'onGone' | 'onWarning', (message: string) => void> = {
    onGone: () => undefined,
    onWarning: () => undefined,
  };
  const console = new RhxConsole(socket, {
    timers,
    answerMs: deadlines.answerMs,
    where: address,
    onGone: (reason) => {
      listeners.onGone(reason);
    },
    onWarning: (message) => {
      listeners.onWarning(message);
    },
  });
  const session = new RhxSession(console, checked);
  const onAbort = (): void => {
    session.close();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const identity = await identify(session);
    await takeOver(session);
    await switchAllOff(session, identity, signal);
    const recorder = new RhxRecorder(session, identity);
    await recorder.attach(signal);
    const stimulator = checked.groups.length === 0 ? null : new RhxStimulator(session, { identity, recorder });
    listeners.onGone = (reason) => {
      stimulator?.handleGone(reason);
      recorder.handleGone(reason);
    };
    listeners.onWarning = (message) => {
      recorder.warn(message);
    };
    signal.throwIfAborted();
    return {
      recorder,
      stimulator,
      close: async () => {
        await stimulator?.close();
        await recorder.close();
      },
    };
  } catch (error) {
    session.close();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function identify(session: RhxSession): Promise<RhxIdentity> {
  const { address, expected } = session.options;
  const [version, type] = await session.ask(['Version', 'Type']);
  if (version?.type !== 'value' || type?.type !== 'value') {
    const got = describeReply(version?.type === 'value' ? type! : version!);
    throw new MeaError('refused', { what: 'This is not RHX', got, wanted: 'its version and type', where: address });
  }
  if (type.value !== STIM_CONTROLLER) {
    throw new MeaError('refused', {
      what: 'This controller has no stimulators',
      got: type.value,
      wanted: STIM_CONTROLLER,
      where: address,
      remedy: 'start RHX with the RHS stimulation/recording controller, or name the recorder by its own driver',
    });
  }
  const [rate, step] = await session.read(['SampleRateHertz', 'StimStepSizeMicroAmps']);
  const steps = { sampleRateHz: Number(rate), stepUa: Number(step) };
  if (!(steps.sampleRateHz > 0 && steps.stepUa > 0)) {
    throw new MeaError('bad-format', {
      what: 'RHX has no rate or step',
      got: `${rate} Hz, ${step} uA`,
      where: address,
    });
  }
  requireSetting('sample rate', [steps.sampleRateHz, expected.sampleRateHz, 'Hz'], address);
  requireSetting('stimulation step', [steps.stepUa, expected.stimStepUa, 'uA'], address);
  return { version: version.value, steps };
}

function requireSetting(
  what: string,
  [got, wanted, unit]: readonly [number, number | undefined, string],
  where: string,
): void {
  if (wanted === undefined || got === wanted) return;
  throw new MeaError('refused', {
    what: `RHX has another ${what}`,
    got: `${got} ${unit}`,
    wanted: `${wanted} ${unit}`,
    where,
    remedy: 'it is chosen in the window with which RHX starts: start it again, or change the rig file',
  });
}

/** Stops a board that runs: whoever left it so is gone, because there is one client. */
async function takeOver(session: RhxSession): Promise<void> {
  const mode = await session.askMode();
  if (mode === 'Record' || mode === 'Trigger') {
    throw new MeaError('refused', {
      what: 'RHX is recording',
      got: `run mode ${mode}`,
      wanted: 'a stopped board',
      where: session.options.address,
      remedy: 'end that recording in RHX: it is not ours to end',
    });
  }
  if (mode === 'Run') await session.stop();
}

/** Whatever the last user left: off, on every channel that the controller has. */
async function switchAllOff(session: RhxSession, { steps }: RhxIdentity, signal: AbortSignal): Promise<void> {
  const channels = await listChannels(session);
  const missing = session.options.channels.find((channel) => !channels.includes(channel));
  if (missing !== undefined) {
    throw new MeaError('refused', {
      what: 'A channel of the rig is not there',
      got: `${channels.length} channels, no ${missing}`,
      where: session.options.address,
      remedy: 'is the headstage plugged in, and were the ports rescanned? Else correct the channel map',
    });
  }
  await session.program(new Map(channels.map((channel) => [channel, IDLE_STIM_SETTINGS])), steps, signal);
}

/** Every amplifier channel of the controller. A port that it does not have is answered with an error. */
async function listChannels(session: RhxSession): Promise<readonly string[]> {
  const counts = await session.ask(PORTS.map((port) => `${port}.NumberAmplifierChannels`));
  const channels = counts.flatMap((reply, i) => {
    const count = reply.type === 'value' ? Number(reply.value) : 0;
    return Array.from({ length: count }, (_, channel) => `${PORTS[i]!}-${String(channel).padStart(3, '0')}`);
  });
  const names = await session.read(channels.map((channel) => `${channel}.NativeChannelName`));
  const odd = channels.find((channel, i) => names[i] !== channel);
  if (odd === undefined) return channels;
  throw new MeaError('bad-format', {
    what: 'RHX names a channel in another way',
    got: names[channels.indexOf(odd)] ?? '',
    wanted: odd,
  });
}
