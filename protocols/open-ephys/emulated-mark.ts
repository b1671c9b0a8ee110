/**
 * In the name of every stream of an emulated Open Ephys, so that each of its messages says so and nobody takes it for a real
 * one.
 */
export const EMULATED_MARK = 'mea-sim';
