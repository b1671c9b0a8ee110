import { completeOptions, type OpenEphysOptions } from './open-ephys-options.js';
import { OpenEphysRecorder } from './open-ephys-recorder.js';

/**
 * Connects to a running Open Ephys GUI: its remote control is asked what its signal chain is, its ZMQ Interface is heard,
 * and heartbeats are sent to it. Nothing is changed in the program until `start`.
 *
 * @throws MeaError `bad-input` for options that cannot be; `link` where nobody listens, or somebody else does; `refused`
 *   where the signal chain is not what the options say; `deadline` without an answer; the signal's reason
 */
export async function connectOpenEphys(options: OpenEphysOptions, signal: AbortSignal): Promise<OpenEphysRecorder> {
  const recorder = new OpenEphysRecorder(completeOptions(options));
  await recorder.open(signal);
  return recorder;
}
