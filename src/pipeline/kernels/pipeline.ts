// The kernels of the signal pipeline, one module: all work on the same memory, and a block is copied into it once.
export { allocate } from './memory';
export { runDetector, updateAllLevels } from './detect';
export { finishArtefacts, handleArtefacts, passQuietly, restartArtefacts } from './salpa';
