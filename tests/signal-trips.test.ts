import { concatMap, filter, firstValueFrom, from } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { RearmingCause } from '../protocols/trial.js';
import { sampleIndex } from '../protocols/units.js';
import type { SignalRig } from '../src/closed-loop/signals/signal-rig.js';
import { type VirtualRig } from '../src/closed-loop/signals/virtual-rig.js';
import type { RigEvent } from '../src/pipeline/events/rig-event.js';
import { carryOut, open, PERIOD, requestsFor } from './helpers/signal-bench.js';

describe('a device that has tripped', () => {
  type Disarmed = Extract<RigEvent, { readonly type: 'armed-changed' }>;

  /** The device disarms while the stimulus of these calls of `schedule` waits, as if for `cause`, after a stall or not. */
  function tripAt(calls: readonly number[], cause: Disarmed['cause'], { isStalled = false, armed = [0] } = {}) {
    return (rig: VirtualRig): SignalRig => {
      let call = 0;
      const stalled: RigEvent[] = isStalled ? [{ type: 'main-stalled', stalledMs: 300 }] : [];
      return {
        ...rig,
        arm: (request) => {
          armed[0]! += 1;
          return rig.arm(request);
        },
        schedule: async (stimulus) => {
          const outcome = await rig.schedule(stimulus);
          if (calls.includes(call++)) await rig.abort();
          return outcome;
        },
        events$: rig.events$.pipe(
          concatMap((event) =>
            from(event.type === 'armed-changed' && !event.armed ? [...stalled, { ...event, cause }] : [event]),
          ),
        ),
      };
    };
  }

  it.each<readonly [Disarmed['cause'], boolean, RearmingCause]>([
    ['armed-time', false, 'armed-time'],
    ['watchdog', true, 'main-stalled'],
  ])(
    'for %s, stalled: %s, is armed again as often as a person allows, and its trial is lost',
    async (...[cause, isStalled, told]) => {
      const armed = [0];
      const change = tripAt([1, 3], cause, { isStalled, armed });
      const { source, truth } = await open({ rearms: 2, change });
      const responses = await carryOut(source, requestsFor(source, 6));
      expect(responses.map(({ delivery }) => delivery === 'missing' || delivery === 'refused')).toEqual([
        ...[false, true, false, true, false, false],
      ]);
      expect(truth.filter(({ type }) => type === 'stimulus')).toHaveLength(4);
      expect(armed).toEqual([3]);
      const rearmings = source.takeRearmings();
      expect(rearmings).toMatchObject([
        { cause: told, number: 1, allowed: 2 },
        { cause: told, number: 2, allowed: 2 },
      ]);
      expect(source.takeRearmings()).toEqual([]);
      await source.close();
    },
  );

  it.each<readonly [string, number, Disarmed['cause'], boolean]>([
    ['more often than a person allows', 1, 'armed-time', false],
    ['by its watchdog, without a stall', 9, 'watchdog', false],
    ['by an emergency stop, stalled or not', 9, 'abort', true],
    ['by a lost link', 9, 'link-lost', true],
    ['by a fault of its own', 9, 'device-fault', true],
    ['by a command', 9, 'command', false],
    ['and nobody has allowed anything', 0, 'armed-time', false],
  ])('stays off: %s', async (...[, rearms, cause, isStalled]) => {
    const armed = [0];
    const { source, truth } = await open({ rearms, change: tripAt([1, 3], cause, { isStalled, armed }) });
    await expect(carryOut(source, requestsFor(source, 6))).rejects.toThrow(
      /no longer the one that was armed.*(disarmed|stall)/,
    );
    await source.close();
    expect(armed).toEqual([rearms === 1 ? 2 : 1]);
    expect(truth.filter(({ type }) => type === 'stimulus')).toHaveLength(rearms === 1 ? 2 : 1);
  });

  it('lets the next trial come later where it was armed too late for it', async () => {
    const { source } = await open({
      rearms: 1,
      change: (rig) => {
        const tripping = tripAt([1], 'armed-time')(rig);
        let armings = 0;
        return {
          ...tripping,
          arm: async (request) => {
            if (armings++ > 0) {
              let blocks = 0;
              const seen = firstValueFrom(rig.events$.pipe(filter(({ type }) => type === 'spikes' && ++blocks > 30)));
              await rig.passTime(seen);
            }
            return tripping.arm(request);
          },
        };
      },
    });
    const requests = requestsFor(source, 4);
    const responses = await carryOut(source, requests);
    expect(responses).toHaveLength(2);
    expect(source.nextSample()).toBeGreaterThan(requests[2]!.atSample);
    const later = requests.slice(2).map((request, k) => ({
      ...request,
      atSample: sampleIndex(source.nextSample() + k * PERIOD),
    }));
    expect((await carryOut(source, later)).map(({ deliveredSample }) => deliveredSample)).toEqual(
      later.map(({ atSample }) => atSample),
    );
    await source.close();
  });
});
