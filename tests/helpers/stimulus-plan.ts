import type { RigDevice } from '../../drivers/rig-device.js';
import { createStimHistory, withdraw, type StimHistory } from '../../protocols/stimulation/gate-history.js';
import { checkStimulus, type CheckedStimCommand } from '../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { createBalancedPulse } from './wide-profile.js';

/** Where a stimulus is to go. */
interface PlannedStimulus {
  readonly electrode: number;
  readonly sample: number;
}

/** Makes stimuli that the gate lets pass, one after the other: ids rise, and the account leaves out what was dropped. */
export interface StimulusPlan {
  /**
   * A balanced pulse, from the pattern slot of its electrode's number.
   *
   * @param nowSample the device's next sample as far as is known
   */
  next(stimulus: PlannedStimulus, nowSample?: number): CheckedStimCommand;
}

/** Begins a plan for a device under a profile. */
export function openStimulusPlan(device: RigDevice, profile: SafetyProfile): StimulusPlan {
  const { stimulation, sampleRateHz } = device.capabilities;
  if (stimulation === null) throw new Error('the device has no stimulation outputs');
  let history: StimHistory = createStimHistory();
  device.events$.subscribe((event) => {
    if (event.type === 'stimulus-dropped') history = withdraw(history, event.stimulusId);
  });
  return {
    next({ electrode, sample }, nowSample = 0) {
      const verdict = checkStimulus(
        {
          stimulusId: history.newestStimulusId + 1,
          pattern: { slot: electrode, pulses: [createBalancedPulse(electrode)] },
          at: { type: 'sample', sample },
        },
        {
          profile,
          capabilities: stimulation,
          sampleRateHz,
          profileAgeS: 0,
          nowSample,
          arming: { armed: device.isArmed, untilSample: Infinity },
          history,
        },
      );
      if (verdict.type === 'refused') throw new Error(JSON.stringify(verdict.refusals));
      history = verdict.history;
      return verdict.command;
    },
  };
}
