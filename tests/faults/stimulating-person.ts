import type { RigDevice } from '../../drivers/rig-device.js';
import { isMeaError } from '../../protocols/errors.js';
import { createStimHistory } from '../../protocols/stimulation/gate-history.js';
import { checkStimulus, type CheckedStimCommand } from '../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { StimTime } from '../../protocols/stimulation/stim-pattern.js';
import { sampleIndex } from '../../protocols/units.js';
import { createBalancedPulse } from '../helpers/wide-profile.js';

/**
 * Somebody who arms a device by hand whenever it is not armed, and stimulates at every call, now or some samples ahead.
 * Whatever fails because of a fault is left alone: the next call tries again.
 */
export class StimulatingPerson {
  readonly #device: RigDevice;
  readonly #profile: SafetyProfile;
  readonly #profileHash: Uint8Array;
  #calls = 0;
  #newestId = 0;

  constructor(device: RigDevice, configured: { readonly profile: SafetyProfile; readonly profileHash: Uint8Array }) {
    this.#device = device;
    this.#profile = configured.profile;
    this.#profileHash = configured.profileHash;
  }

  async act(): Promise<void> {
    this.#calls += 1;
    this.#device.reportProgress();
    try {
      if (!this.#device.isArmed) {
        await this.#device.arm({
          serialNumber: this.#device.capabilities.serialNumber,
          profileHash: this.#profileHash,
        });
      }
      const { nextSample } = await this.#device.status();
      const ahead = this.#calls % 2 === 0;
      const at: StimTime = ahead ? { type: 'sample', sample: sampleIndex(nextSample + 200) } : { type: 'now' };
      await this.#device.stimulate(this.#check(at, nextSample));
    } catch (error) {
      if (!isMeaError(error)) throw error;
    }
  }

  #check(at: StimTime, nowSample: number): CheckedStimCommand {
    const { stimulation, sampleRateHz } = this.#device.capabilities;
    this.#newestId = Math.max(this.#newestId, this.#device.newestStimulusId) + 1;
    const verdict = checkStimulus(
      { stimulusId: this.#newestId, pattern: { slot: 0, pulses: [createBalancedPulse(0)] }, at },
      {
        profile: this.#profile,
        capabilities: stimulation!,
        sampleRateHz,
        profileAgeS: 0,
        nowSample,
        arming: { armed: true, untilSample: Infinity },
        history: createStimHistory(),
      },
    );
    if (verdict.type === 'refused') throw new Error(JSON.stringify(verdict.refusals));
    return verdict.command;
  }
}
