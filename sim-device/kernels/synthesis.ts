// Entry of the kernels of the emulated voltages. AssemblyScript, SIMD across channels, 8 channels a group.
// All arithmetic is integer or float32 add, multiply and compare, in a fixed order: the same bytes on every machine.
export { layOut, groupsAddress, lineWaveAddress, generatorAddress, samplesAddress } from './layout';
export { configureNoise, renderNoise } from './noise';
export { addArtefact } from './artefact';
