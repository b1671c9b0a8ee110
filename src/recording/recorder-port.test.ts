import { describe, expect, it } from 'vitest';
import { createLoggedDisk } from '../../tests/helpers/disk-log.js';
import { sessionOf } from '../../tests/helpers/recording-scenario.js';
import { toPort, type RecorderPort } from './recorder-port.js';
import { Recorder, type RecorderNotice } from './recorder.js';

/** A recorder on a disk that takes nothing from some moment on, and what it told. */
function openOnFailingDisk(): { port: RecorderPort; notices: RecorderNotice[]; fail: () => void } {
  const notices: RecorderNotice[] = [];
  let isFailing = false;
  const disk = createLoggedDisk((_, { type }) =>
    isFailing && type === 'write' ? Object.assign(new Error('full'), { code: 'ENOSPC' }) : undefined,
  );
  let nowMs = 0;
  const port = toPort(
    (onNotice) =>
      new Recorder({
        disk,
        // Something is due at each call.
        clock: { wallMs: () => 0, monotonicMs: () => (nowMs += 150) },
        folder: '/recording',
        session: sessionOf({ seconds: 1, channels: 2, raw: 'none' }),
        probe: {},
        reserveBytes: 1024,
        onNotice,
      }),
    (notice) => notices.push(notice),
  );
  return {
    port,
    notices,
    fail: () => {
      isFailing = true;
    },
  };
}

describe('a recorder in this thread on a disk that takes nothing any more', () => {
  it('tells it once, throws at none who hands events on, and at the next record and the end', async () => {
    const { port, notices, fail } = openOnFailingDisk();
    port.event({ type: 'stream-started' });
    fail();
    for (let i = 0; i < 3; i++) port.event({ type: 'gap' });
    expect(notices.filter(({ type }) => type === 'failed')).toHaveLength(1);
    expect(() => {
      port.ledger(Buffer.from('{}'));
    }).toThrow('no space left on the disk');
    await expect(port.close()).rejects.toThrow('no space left on the disk');
    await expect(port.close()).resolves.toBeUndefined();
  });
});
