import type { ExperimentDesign, ModelArrays } from '../model/model-run.js';
import { correlate } from './prediction-statistics.js';

/** Whose weights: estimated from observed responses, or from the model's own predictions. */
export type WeightKind = 'observed' | 'predicted';

/** W = W1 - W0 of one session, (n, J). */
export function weightsAt(
  { sessions }: ExperimentDesign,
  arrays: ModelArrays,
  { kind, session }: { readonly kind: WeightKind; readonly session: number },
): Float64Array {
  const [w1, w0] = kind === 'observed' ? [arrays.w1, arrays.w0] : [arrays.w1p, arrays.w0p];
  return Float64Array.from(
    { length: w1.length / sessions },
    (_, i) => w1[i * sessions + session]! - w0[i * sessions + session]!,
  );
}

/** Mean W of one ensemble over sessions, from the inputs of its own block and from all others. */
export interface BlockCourse {
  /** (T) */
  readonly own: Float64Array;
  /** (T) */
  readonly other: Float64Array;
}

/** Mean W by block, for ensemble `a`. */
export function blockCourse(
  design: ExperimentDesign,
  arrays: ModelArrays,
  { kind, a }: { readonly kind: WeightKind; readonly a: number },
): BlockCourse {
  const { sessions, sourceCount, inputsPerBlock } = design;
  const inputs = sourceCount * inputsPerBlock;
  const own = new Float64Array(sessions);
  const other = new Float64Array(sessions);
  for (let session = 0; session < sessions; session++) {
    const weights = weightsAt(design, arrays, { kind, session });
    for (let j = 0; j < inputs; j++) {
      const isOwn = Math.floor(j / inputsPerBlock) === a;
      const share = 1 / (isOwn ? inputsPerBlock : inputs - inputsPerBlock);
      (isOwn ? own : other)[session]! += weights[a * inputs + j]! * share;
    }
  }
  return { own, other };
}

/** How well the weights of the last session were predicted. */
export interface WeightAgreement {
  /** Correlation of observed and predicted W. */
  readonly correlation: number | undefined;
  /** Correlation of their changes since the calibration. */
  readonly changeCorrelation: number | undefined;
  /** Size of the predicted change as a multiple of the observed one; undefined where nothing changed. */
  readonly changeRatio: number | undefined;
}

/** Compares observed and predicted W in the last session, and how they changed since the calibration ended. */
export function weightAgreement(design: ExperimentDesign, arrays: ModelArrays): WeightAgreement {
  const last = design.sessions - 1;
  const at = (kind: WeightKind, session: number): Float64Array => weightsAt(design, arrays, { kind, session });
  const start = at('observed', design.initialSessions);
  const observed = at('observed', last);
  const predicted = at('predicted', last);
  const observedChange = observed.map((w, i) => w - start[i]!);
  const predictedChange = predicted.map((w, i) => w - start[i]!);
  const size = norm(observedChange);
  return {
    correlation: correlate(observed, predicted),
    changeCorrelation: correlate(observedChange, predictedChange),
    changeRatio: size > 1e-9 ? norm(predictedChange) / size : undefined,
  };
}

/** (T) errW if the weights had stayed as calibrated: relative squared difference of q; 0 up to the calibration's end. */
export function constantWeightsErrors(
  { sessions, initialSessions }: ExperimentDesign,
  { w1, w0 }: ModelArrays,
): Float64Array {
  const errors = new Float64Array(sessions);
  const scales = new Float64Array(sessions);
  for (const w of [w1, w0]) {
    for (let i = 0; i < w.length; i += sessions) {
      const calibrated = toProbability(w[i + initialSessions]!);
      for (let session = 0; session < sessions; session++) {
        const q = toProbability(w[i + session]!);
        if (session > initialSessions) errors[session]! += (q - calibrated) ** 2;
        scales[session]! += q * q;
      }
    }
  }
  return errors.map((error, session) => error / scales[session]!);
}

function toProbability(w: number): number {
  return 1 / (1 + Math.exp(-w));
}

function norm(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
