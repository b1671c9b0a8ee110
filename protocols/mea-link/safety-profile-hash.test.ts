import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { exampleProfile } from '../../tests/helpers/mea-link-messages.js';
import type { SafetyProfile } from '../stimulation/safety-profile.js';
import { microamps } from '../units.js';
import { mealink } from './generated/mea_link.js';
import { decodeSafetyProfile, encodeSafetyProfile, hashSafetyProfile } from './safety-profile-hash.js';

const ZERO = new Uint8Array(8);
const [first, second] = exampleProfile.electrodes;

describe('an encoded safety profile', () => {
  it('gives back the profile, with its electrodes rising', () => {
    const shuffled = { ...exampleProfile, electrodes: [second!, first!] };
    expect(decodeSafetyProfile(encodeSafetyProfile(shuffled))).toEqual(exampleProfile);
    expect(encodeSafetyProfile(shuffled)).toEqual(encodeSafetyProfile(exampleProfile));
  });

  it('does not depend on the order in which an object has its fields', () => {
    const fields = Object.entries(exampleProfile).reverse();
    const reversed = { ...exampleProfile, ...Object.fromEntries(fields) };
    expect(encodeSafetyProfile(reversed)).toEqual(encodeSafetyProfile(exampleProfile));
  });

  it('has all its fields in the order of their numbers: these bytes, written by hand', () => {
    const bytes = encodeSafetyProfile(smallest);
    expect([...bytes]).toEqual([
      ...[0x0a, 0x01, 0x70], // field 1, name: `p`
      ...[0x12, 0x00], // field 2, source: empty
      ...[0x1a, 0x0d, 0x08, 0x05], // field 3, an electrode of 13 bytes: field 1, number 5
      ...[0x11, ...ZERO, 0x20, 0x00], // its field 2, area: 0.0; field 3, impedance, is missing; field 4, masked: false
      ...[0x21, ...ZERO, 0x29, ...ZERO], // fields 4 and 5, ages: 0.0
      ...[0x31, 0, 0, 0, 0, 0, 0, 0x34, 0x40], // field 6, max_current_ua: 20.0, 8 bytes little-endian
      ...[0x39, ...ZERO, 0x41, ...ZERO, 0x48, 0x00], // fields 7 and 8, phases; field 9, max_phases: 0
      ...[0x51, ...ZERO, 0x59, ...ZERO, 0x61, ...ZERO, 0x69, ...ZERO], // fields 10 to 13, charge
      ...[0x70, 0x03], // field 14, leading_polarity: EITHER = 3
      ...[0x79, ...ZERO, 0x81, 0x01, ...ZERO], // fields 15 and 16, gap and compliance
      ...[0x89, 0x01, ...ZERO, 0x91, 0x01, ...ZERO], // fields 17 and 18, interval and rate
      ...[0x99, 0x01, ...ZERO, 0xa1, 0x01, ...ZERO], // fields 19 and 20, duty and charge per second
      ...[0xa8, 0x01, 0x00, 0xb1, 0x01, ...ZERO], // fields 21 and 22, electrodes and current at once
      ...[0xb8, 0x01, 0x00, 0xc1, 0x01, ...ZERO], // fields 23 and 24, stimuli and charge of a session
    ]);
  });

  it.each([
    ['a limit that is no number', { maxDuty: Number.NaN }],
    ['an endless limit', { maxCurrentUa: microamps(Infinity) }],
    ['a limit below 0', { complianceV: -1 }],
    ['a part of a phase', { maxPhases: 2.5 }],
    ['an electrode twice', { electrodes: [first!, first!] }],
    ['an electrode of -1', { electrodes: [{ ...first!, electrode: -1 }] }],
  ])('is not made of %s', (_, change) => {
    expect(() => encodeSafetyProfile({ ...exampleProfile, ...change })).toThrow('expected');
  });

  it('is refused in any form but the canonical one, so that no limit is passed over', () => {
    const bytes = encodeSafetyProfile(exampleProfile);
    // Field 1000, a varint: a limit of a later version.
    expect(() => decodeSafetyProfile(Uint8Array.from([...bytes, 0xc0, 0x3e, 1]))).toThrow('canonical');
    // The name a second time, the same.
    const { name } = exampleProfile;
    const again = mealink.v1.SafetyProfile.encode({ name }).finish();
    expect(() => decodeSafetyProfile(Uint8Array.from([...bytes, ...again]))).toThrow('canonical');
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSafetyProfile(bytes.subarray(0, length)), `${length} bytes`).toThrow();
    }
  });
});

describe('the hash of a safety profile', () => {
  it('is the SHA-256 of its encoding', () => {
    const expected = createHash('sha256').update(encodeSafetyProfile(exampleProfile)).digest();
    expect([...hashSafetyProfile(exampleProfile)]).toEqual([...expected]);
    // Computed by Python's hashlib over the bytes of the test above.
    expect(Buffer.from(hashSafetyProfile(smallest)).toString('hex')).toBe(
      '7f4d7882347ee852b714a6e8373d4dc89ad84c2853d4e4225d3d96642baea2bf',
    );
  });

  it('differs when any one field differs', () => {
    const hashes = new Set([hex(exampleProfile)]);
    const changed = Object.entries(exampleProfile).map(([field, value]): SafetyProfile => {
      if (typeof value === 'number') return { ...exampleProfile, [field]: value + 1 };
      if (field === 'electrodes') return { ...exampleProfile, electrodes: [first!] };
      return { ...exampleProfile, [field]: field === 'leadingPolarity' ? 'positive' : `${String(value)}.` };
    });
    changed.push({ ...exampleProfile, electrodes: [first!, { ...second!, masked: false }] });
    changed.push({ ...exampleProfile, electrodes: [first!, { ...second!, impedanceOhm: 0 }] });
    for (const profile of changed) hashes.add(hex(profile));
    expect(hashes.size).toBe(1 + changed.length);
    expect(changed.length).toBe(26);
  });
});

const zero = Object.fromEntries(
  Object.entries(exampleProfile).map(([field, value]) => [field, typeof value === 'number' ? 0 : value]),
);
const smallest: SafetyProfile = {
  ...exampleProfile,
  ...zero,
  name: 'p',
  source: '',
  electrodes: [{ electrode: 5, areaUm2: 0, impedanceOhm: null, masked: false }],
  maxCurrentUa: microamps(20),
  leadingPolarity: 'either',
};

function hex(profile: SafetyProfile): string {
  return Buffer.from(hashSafetyProfile(profile)).toString('hex');
}
