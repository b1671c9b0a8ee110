/** A complex number as [real, imaginary]. */
export type Complex = readonly [number, number];

/** A digital filter as zeros, poles and gain. Zeros of Butterworth filters lie at z = 1 and z = -1 only. */
export interface ZerosPolesGain {
  readonly zeros: readonly number[];
  readonly poles: readonly Complex[];
  readonly gain: number;
}

/** The passband of a Butterworth filter; edges in Hz. */
export type ButterworthBand =
  | { readonly type: 'low-pass'; readonly order: number; readonly edgeHz: number }
  | { readonly type: 'high-pass'; readonly order: number; readonly edgeHz: number }
  | { readonly type: 'band-pass'; readonly order: number; readonly lowHz: number; readonly highHz: number };

/** Twice the sampling rate of the bilinear transform, which works at a rate of 2 (Nyquist frequency 1). */
const TWICE_RATE = 4;

/**
 * A Butterworth filter by the bilinear transform, its edges (-3 dB) pre-warped. The same steps as scipy's `butter`:
 * analogue prototype of cut-off 1, change of band, bilinear transform.
 */
export function designButterworth(band: ButterworthBand, sampleRateHz: number): ZerosPolesGain {
  const warp = (edgeHz: number): number => TWICE_RATE * Math.tan((Math.PI * edgeHz) / sampleRateHz);
  const prototype = Array.from({ length: band.order }, (_, k): Complex => {
    const angle = (Math.PI * (2 * k + 1 - band.order)) / (2 * band.order);
    return [-Math.cos(angle), -Math.sin(angle)];
  });
  switch (band.type) {
    case 'low-pass': {
      const edge = warp(band.edgeHz);
      const poles = prototype.map((pole) => scale(pole, edge));
      return toDigital({ poles, zerosAtOrigin: 0, gain: edge ** band.order });
    }
    case 'high-pass': {
      const edge = warp(band.edgeHz);
      const poles = prototype.map((pole) => divide([edge, 0], pole));
      return toDigital({ poles, zerosAtOrigin: band.order, gain: 1 });
    }
    case 'band-pass': {
      const [low, high] = [warp(band.lowHz), warp(band.highHz)];
      const halves = prototype.map((pole) => scale(pole, (high - low) / 2));
      const roots = halves.map((half) => squareRoot(subtract(multiply(half, half), [low * high, 0])));
      const poles = [
        ...halves.map((half, i) => add(half, roots[i]!)),
        ...halves.map((half, i) => subtract(half, roots[i]!)),
      ];
      return toDigital({ poles, zerosAtOrigin: band.order, gain: (high - low) ** band.order });
    }
  }
}

/** Bilinear transform; analogue zeros at infinity go to z = -1, those at the origin to z = 1. */
function toDigital(analogue: {
  readonly poles: readonly Complex[];
  readonly zerosAtOrigin: number;
  readonly gain: number;
}): ZerosPolesGain {
  const { poles, zerosAtOrigin } = analogue;
  const denominator = poles.reduce<Complex>(
    (product, pole) => multiply(product, subtract([TWICE_RATE, 0], pole)),
    [1, 0],
  );
  const ratio = divide([TWICE_RATE ** zerosAtOrigin, 0], denominator);
  return {
    zeros: [...Array<number>(zerosAtOrigin).fill(1), ...Array<number>(poles.length - zerosAtOrigin).fill(-1)],
    poles: poles.map((pole) => divide(add([TWICE_RATE, 0], pole), subtract([TWICE_RATE, 0], pole))),
    gain: analogue.gain * ratio[0],
  };
}

function add([a, b]: Complex, [c, d]: Complex): Complex {
  return [a + c, b + d];
}

function subtract([a, b]: Complex, [c, d]: Complex): Complex {
  return [a - c, b - d];
}

function scale([a, b]: Complex, factor: number): Complex {
  return [a * factor, b * factor];
}

function multiply([a, b]: Complex, [c, d]: Complex): Complex {
  return [a * c - b * d, a * d + b * c];
}

function divide([a, b]: Complex, [c, d]: Complex): Complex {
  const size = c * c + d * d;
  return [(a * c + b * d) / size, (b * c - a * d) / size];
}

/** Principal square root. */
function squareRoot([a, b]: Complex): Complex {
  const size = Math.hypot(a, b);
  const real = Math.sqrt((size + a) / 2);
  const imaginary = Math.sqrt((size - a) / 2);
  return [real, b < 0 ? -imaginary : imaginary];
}
