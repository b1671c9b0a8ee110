import type { CultureSize } from './anatomy.js';
import { openRandomStream } from '../protocols/random.js';

/** Time constant of the drift of electrodes and of the whole culture, in sessions. */
const ELECTRODE_TAU = 8;
/** Time constant of the drift of single connections, in sessions. */
const CONNECTION_TAU = 60;
/** Standard deviation of the drift that all electrodes share, relative to that of each. */
const COMMON_SHARE = 0.35;
/** Standard deviation of a connection's drift, relative to the fitted parameter. */
const CONNECTION_SHARE = 0.76;

/** How far a culture drifts; natural logarithms of drive. */
export interface DriftSize extends CultureSize {
  readonly sdDrift: number;
  readonly sdPatternDrift: number;
}

/**
 * The slow wandering of a culture from session to session: Ornstein-Uhlenbeck processes of each electrode (sd sdDrift,
 * 8 sessions), of all together (0.35 sdDrift, 8 sessions) and of each connection (0.76 sdPatternDrift, 60 sessions),
 * started from their stationary distribution: x(0) = sd n, x(t + 1) = a x(t) + sd sqrt(1 - a^2) n, a = exp(-1 / tau).
 *
 * The state of session t depends on the seed and t alone, so it is never saved.
 *
 * Source: docs/emulated-culture.md; the exact discretisation of Uhlenbeck & Ornstein 1930.
 */
export class SessionDrift {
  readonly #seed: number;
  readonly #size: DriftSize;
  #session = 0;
  #common = 0;
  readonly #electrodes: Float64Array;
  readonly #connections: Float64Array;

  constructor(seed: number, size: DriftSize) {
    this.#seed = seed;
    this.#size = size;
    this.#electrodes = new Float64Array(size.electrodes);
    this.#connections = new Float64Array(size.inputs * size.electrodes);
    this.goTo(0);
  }

  /** The common drift, natural logarithm of drive. */
  get common(): number {
    return this.#common;
  }

  /** (electrodes) drift of each electrode, natural logarithm of drive; a view that changes at `advance`. */
  borrowElectrodes(): Float64Array {
    return this.#electrodes;
  }

  /** (inputs, electrodes) drift of each connection, natural logarithm of weight; a view that changes at `advance`. */
  borrowConnections(): Float64Array {
    return this.#connections;
  }

  /** One session further. */
  advance(): void {
    this.#session += 1;
    this.#step(Math.exp(-1 / ELECTRODE_TAU), Math.exp(-1 / CONNECTION_TAU));
  }

  /** Starts again and advances to `session`. */
  goTo(session: number): void {
    this.#session = 0;
    this.#common = 0;
    this.#step(0, 0);
    while (this.#session < session) this.advance();
  }

  /** x = keep x + sd sqrt(1 - keep^2) n for every process; keep = 0 draws from the stationary distribution. */
  #step(keepElectrode: number, keepConnection: number): void {
    const { sdDrift, sdPatternDrift } = this.#size;
    const random = openRandomStream(this.#seed, 'drift', this.#session);
    const fresh = sdDrift * Math.sqrt(1 - keepElectrode * keepElectrode);
    this.#common = keepElectrode * this.#common + COMMON_SHARE * fresh * random.normal();
    const electrodes = this.#electrodes;
    for (let e = 0; e < electrodes.length; e++)
      electrodes[e] = keepElectrode * electrodes[e]! + fresh * random.normal();
    const freshConnection = CONNECTION_SHARE * sdPatternDrift * Math.sqrt(1 - keepConnection * keepConnection);
    const connections = this.#connections;
    for (let c = 0; c < connections.length; c++) {
      connections[c] = keepConnection * connections[c]! + freshConnection * random.normal();
    }
  }
}
