import { describe, expect, it } from 'vitest';

import { HostHeartbeats, type HeartbeatContent } from './host-heartbeats.js';

describe('heartbeats of a controller whose whole process stood still', () => {
  let nowMs = 0;
  let beat = (): void => undefined;
  let stalls: number[] = [];
  let sent: HeartbeatContent[] = [];

  function openArmed(): HostHeartbeats {
    [nowMs, stalls, sent] = [0, [], []];
    const heartbeats = new HostHeartbeats({
      timers: {
        nowMs: () => nowMs,
        after: (_delayMs, callback) => {
          beat = callback;
          return () => undefined;
        },
      },
      armedHeartbeatMs: 20,
      idleHeartbeatMs: 100,
      armedForMs: 500,
      mainStallMs: 250,
      send: (content) => sent.push(content),
      onStall: (stalledMs) => stalls.push(stalledMs),
    });
    heartbeats.start();
    heartbeats.arm(new Uint8Array(16).fill(7));
    return heartbeats;
  }

  it('end for good although the main loop reports before the next one is due', () => {
    const heartbeats = openArmed();
    // Within what is allowed nothing happens, from whichever side it is looked at.
    nowMs = 249;
    heartbeats.reportProgress();
    beat();
    expect([stalls, heartbeats.isArmed, sent.at(-1)?.token.length]).toEqual([[], true, 16]);
    // The process stood still: of two timers that are due, that of the main loop comes first.
    nowMs = 549;
    heartbeats.reportProgress();
    expect([stalls, heartbeats.isArmed]).toEqual([[300], false]);
    beat();
    expect([stalls, sent.at(-1)?.token.length]).toEqual([[300], 0]);
  });

  it.each(['disarm', 'stop'] as const)(
    'and the stall is told although the device or the link speaks first (%s)',
    (end) => {
      const heartbeats = openArmed();
      nowMs = 300;
      heartbeats[end]();
      expect([stalls, heartbeats.isArmed]).toEqual([[300], false]);
      const quick = openArmed();
      nowMs = 200;
      quick[end]();
      expect([stalls, quick.isArmed]).toEqual([[], false]);
    },
  );
});
