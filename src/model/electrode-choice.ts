import { MeaError } from '../../protocols/errors.js';
import { rowCount, type ResponseTable } from '../../protocols/responses.js';
import { listStates, stateCountOf } from './states.js';

/**
 * Which electrodes an ensemble may hold: `seen`, those whose response windows were seen; `all` of them; `never-pulsed`,
 * of the seen ones those that no stimulus used. An electrode that cannot be seen after some stimuli counts fewer spikes
 * then: that looks like selectivity and is none.
 */
export const ELECTRODE_CHOICES = ['seen', 'all', 'never-pulsed'] as const;
export type ElectrodeChoice = (typeof ELECTRODE_CHOICES)[number];

/** Electrodes (from 0, rising) that no ensemble may hold, by reason; an electrode may stand in both. */
export interface LeftOut {
  readonly blind: readonly number[];
  readonly pulsed: readonly number[];
}

export const NONE_LEFT_OUT: LeftOut = { blind: [], pulsed: [] };

/**
 * An electrode that missed more than this share of its response windows, in any state of the sources, is left out; a trial
 * of which every electrode missed more does not count.
 */
export const MAX_BLIND_SHARE = 0.01;

/** Sums of the shares of response windows that could not be seen, by state of the sources. */
export interface BlindSums {
  readonly states: number;
  readonly electrodes: number;
  /** (states) */
  readonly trials: Float64Array;
  /** (states, electrodes) */
  readonly sums: Float64Array;
}

export function createBlindSums({ states, electrodes }: Pick<BlindSums, 'states' | 'electrodes'>): BlindSums {
  return { states, electrodes, trials: new Float64Array(states), sums: new Float64Array(states * electrodes) };
}

/** Adds a trial. @param blindFraction (electrodes) in [0, 1]; undefined where every electrode saw all of its window */
export function addBlindFractions(target: BlindSums, state: number, blindFraction: Float32Array | undefined): void {
  target.trials[state]! += 1;
  if (blindFraction === undefined) return;
  const first = state * target.electrodes;
  for (let e = 0; e < target.electrodes; e++) target.sums[first + e]! += blindFraction[e]!;
}

/** Electrodes that missed more than `MAX_BLIND_SHARE` of their windows in the state in which they missed most. */
export function listBlind({ states, electrodes, trials, sums }: BlindSums): number[] {
  const blind: number[] = [];
  for (let e = 0; e < electrodes; e++) {
    for (let state = 0; state < states; state++) {
      if (!(sums[state * electrodes + e]! > MAX_BLIND_SHARE * trials[state]!)) continue;
      blind.push(e);
      break;
    }
  }
  return blind;
}

/**
 * Electrodes behind inputs.
 *
 * @param used (inputs) 1 where an input was on at least once
 * @throws MeaError `bad-input` where nobody knows the electrodes of the inputs
 */
export function listPulsed(used: Uint8Array, stimulatedElectrodes: readonly number[] | undefined): number[] {
  if (stimulatedElectrodes === undefined) {
    throw new MeaError('bad-input', {
      what: 'Nobody knows which electrodes were pulsed',
      got: 'responses without the electrodes of their inputs',
      wanted: 'a recorded run',
      remedy: 'take the electrodes `seen` or `all`',
    });
  }
  return stimulatedElectrodes.filter((_, input) => used[input] === 1).toSorted((a, b) => a - b);
}

/**
 * What a choice leaves out of the ensembles of a table.
 *
 * Blindness is looked for in every stretch of `stretch` sessions up to `end`: an electrode that went blind for one of
 * them would otherwise hide behind the others. Pulses count over the whole table.
 *
 * @throws MeaError `bad-input` as `listPulsed`
 */
export function findLeftOut(
  table: ResponseTable,
  { choice, stretch, end }: { readonly choice: ElectrodeChoice; readonly stretch: number; readonly end: number },
): LeftOut {
  if (choice === 'all') return NONE_LEFT_OUT;
  const pulsed = choice === 'never-pulsed' ? listPulsed(usedInputs(table), table.stimulatedElectrodes) : [];
  if (table.blindFraction === undefined) return { blind: [], pulsed };
  const states = listStates(table.sources, table.sourceCount);
  const blind = new Set<number>();
  for (let first = 0; first < end; first += stretch) {
    const sums = sumBlindness(table, states, { first, end: Math.min(end, first + stretch) });
    for (const electrode of listBlind(sums)) blind.add(electrode);
  }
  return { blind: [...blind].sort((a, b) => a - b), pulsed };
}

/** (electrodes) mean share of the response windows that each could not see; undefined where all saw everything. */
export function meanBlindShares(table: ResponseTable): Float64Array | undefined {
  const { blindFraction, electrodeCount } = table;
  if (blindFraction === undefined) return undefined;
  const shares = new Float64Array(electrodeCount);
  for (let i = 0; i < blindFraction.length; i++) shares[i % electrodeCount]! += blindFraction[i]!;
  return shares.map((sum) => sum / rowCount(table));
}

/** (electrodes) 1 for those that are left out. */
export function maskOf({ blind, pulsed }: LeftOut, electrodes: number): Uint8Array {
  const mask = new Uint8Array(electrodes);
  for (const electrode of [...blind, ...pulsed]) mask[electrode] = 1;
  return mask;
}

function usedInputs({ inputs, inputCount }: ResponseTable): Uint8Array {
  const used = new Uint8Array(inputCount);
  for (let i = 0; i < inputs.length; i++) used[i % inputCount]! |= inputs[i]!;
  return used;
}

function sumBlindness(
  table: ResponseTable,
  states: Uint8Array,
  { first, end }: { readonly first: number; readonly end: number },
): BlindSums {
  const { trialsPerSession, electrodeCount: electrodes, blindFraction } = table;
  const sums = createBlindSums({ states: stateCountOf(table.sourceCount), electrodes });
  for (let row = first * trialsPerSession; row < end * trialsPerSession; row++) {
    addBlindFractions(sums, states[row]!, blindFraction?.subarray(row * electrodes, (row + 1) * electrodes));
  }
  return sums;
}
