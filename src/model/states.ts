/**
 * A state is the joint value of all hidden sources of a trial, as a number: source 1 is the most significant bit, so
 * with two sources 3 = (1,1), 2 = (1,0), 1 = (0,1), 0 = (0,0).
 */
export function stateOf(sources: Uint8Array, row: number, sourceCount: number): number {
  let state = 0;
  for (let k = 0; k < sourceCount; k++) state = state * 2 + sources[row * sourceCount + k]!;
  return state;
}

/** Number of joint states of `sourceCount` binary sources. */
export function stateCountOf(sourceCount: number): number {
  return 2 ** sourceCount;
}

/** The state in which only source k (from 0) is on. */
export function singleSourceState(k: number, sourceCount: number): number {
  return 2 ** (sourceCount - 1 - k);
}

/** True when source k is on in `state`. */
export function isSourceOn(state: number, k: number, sourceCount: number): boolean {
  return Math.floor(state / 2 ** (sourceCount - 1 - k)) % 2 === 1;
}

/** (rows) the state of every trial. */
export function listStates(sources: Uint8Array, sourceCount: number): Uint8Array {
  const states = new Uint8Array(sources.length / sourceCount);
  for (let row = 0; row < states.length; row++) states[row] = stateOf(sources, row, sourceCount);
  return states;
}
