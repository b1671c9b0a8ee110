import { expect, it } from 'vitest';
import { findSerialDevices, SERIAL_DEVICE_KINDS } from './serial-devices.js';

it('says what a port may be by its USB id, and that it may be something else', async () => {
  const found = await findSerialDevices(() =>
    Promise.resolve([
      { path: '/dev/ttyACM0', vendorId: '2341', productId: '003E', manufacturer: 'Arduino', serialNumber: 'A1' },
      { path: '/dev/ttyACM1', vendorId: '16C0', productId: '0483' },
      { path: '/dev/ttyUSB0', vendorId: '0403', productId: '6001' },
      { path: '/dev/ttyS0' },
    ]),
  );
  expect(found.map(({ path, usbId, kind }) => [path, usbId, kind?.mayBe[0]])).toEqual([
    ['/dev/ttyACM0', '2341:003e', 'pulse-pal'],
    ['/dev/ttyACM1', '16c0:0483', 'stimjim'],
    ['/dev/ttyUSB0', '0403:6001', undefined],
    ['/dev/ttyS0', null, undefined],
  ]);
  expect(found[0]).toMatchObject({ manufacturer: 'Arduino', serialNumber: 'A1' });
  expect(found[1]).toMatchObject({ manufacturer: null, serialNumber: null });
});

it('has each id once, in the form in which it is looked for', () => {
  const ids = SERIAL_DEVICE_KINDS.map(({ vendorId, productId }) => `${vendorId}:${productId}`);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{4}:[0-9a-f]{4}$/);
  for (const { caution } of SERIAL_DEVICE_KINDS) expect(caution).toContain('only where a rig file names it');
});

it('lists the ports of this computer without opening one', async () => {
  const found = await findSerialDevices();
  for (const { path } of found) expect(path).not.toBe('');
});
