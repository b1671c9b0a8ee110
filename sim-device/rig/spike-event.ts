import type { Microvolts } from '../../protocols/units.js';

/**
 * Why a unit fired. `evoked`: in the 10-30 ms window after a pulse, as the culture counted; `late`: evoked too, at
 * 5-10 or 30-100 ms; `direct`: antidromic, 1.5-5 ms after a pulse nearby; `burst`: part of a network burst;
 * `spontaneous`: by itself.
 */
export type SpikeOrigin = 'evoked' | 'late' | 'direct' | 'burst' | 'spontaneous';

/** One unit fires: the sample of its negative peak. */
export interface SpikeEvent {
  readonly sample: number;
  /** Index into the array's units. */
  readonly unit: number;
  readonly origin: SpikeOrigin;
}

/** A neuron as the array sees it. */
export interface EmulatedUnit {
  /** The electrode that sees it best, row by row from 0. */
  readonly electrode: number;
  /** Size of its negative peak there. */
  readonly amplitudeUv: Microvolts;
  /** Time from its negative peak to the positive one, in ms: units have spikes of different widths. */
  readonly widthMs: number;
  /** Shortest time between two of its spikes, in ms. */
  readonly refractoryMs: number;
}

/** Truth about the samples, for scoring; comes out on a channel of its own, never on the device's link. */
export type TruthRecord =
  | ({ readonly type: 'spike'; readonly electrode: number } & SpikeEvent)
  /** From the first to the sample after the last one that shows the rail because of a pulse, on one electrode. */
  | { readonly type: 'saturated'; readonly electrode: number; readonly first: number; readonly end: number }
  | { readonly type: 'stimulus'; readonly sample: number; readonly electrodes: readonly number[] }
  | { readonly type: 'rest'; readonly from: number; readonly to: number };
