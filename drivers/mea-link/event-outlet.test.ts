import { expect, test } from 'vitest';
import type { DeviceEvent } from './device-event.js';
import { EventOutlet } from './event-outlet.js';

const warn = (message: string): DeviceEvent => ({ type: 'driver-warning', message });

test('an event that comes while another is handed out waits for it: all subscribers hear one order', () => {
  const outlet = new EventOutlet();
  const first: DeviceEvent[] = [];
  const second: DeviceEvent[] = [];
  outlet.events$.subscribe((event) => {
    first.push(event);
    if (event.type === 'driver-warning' && event.message === 'a') {
      outlet.emit(warn('c'));
      outlet.complete();
      outlet.emit(warn('too late'));
    }
    if (event.type === 'driver-warning' && event.message === 'c') expect(second).toHaveLength(1);
  });
  let isComplete = false;
  outlet.events$.subscribe({
    next: (event) => second.push(event),
    complete: () => {
      isComplete = true;
    },
  });
  outlet.emit(warn('a'));
  expect(first).toEqual([warn('a'), warn('c')]);
  expect(second).toEqual(first);
  expect(isComplete).toBe(true);
});

test('what is handed out cannot be written to from outside', () => {
  const outlet = new EventOutlet();
  expect('next' in outlet.events$).toBe(false);
});
