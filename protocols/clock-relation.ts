import { MeaError } from './errors.js';
import { fitQuantileLine, pickQuantile, type Line } from './quantile-line.js';

/**
 * On which side of its true time the host's time of a pair lies.
 *
 * - `host-late`: noted when something arrived, which takes a while and sometimes longer
 * - `host-early`: noted when something was handed over, and the sample is that at which it was seen
 * - `both`: on either side, as for edges that two clocks have both sampled
 */
export type PairJitter = 'host-late' | 'host-early' | 'both';

export interface ClockRelationOptions {
  /** Samples in a second of the sample clock, as its device says. */
  readonly nominalHz: number;
  /** Default `host-late`. */
  readonly jitter?: PairJitter;
  /** Only pairs of the last so many ms count, so that a drift that wanders with the temperature is followed. Default 10 min. */
  readonly windowMs?: number;
  /** Standard deviation of the drift that is expected before anything is known, in ppm. Default 50: ordinary crystals. */
  readonly expectedDriftPpm?: number;
}

/** How two clocks stand to each other, as far as the pairs tell. */
export interface ClockRelationReport {
  /** Host time minus the sample clock's own time (sample / nominal rate) at the newest pair, in ms. */
  readonly offsetMs: number;
  /** By so much the sample clock runs faster than its nominal rate by the host's clock; in parts per million. */
  readonly driftPpm: number;
  /**
   * How far eighths of the window lie off the relation, RMS, in ms: what jitter is left and what no straight line explains.
   * Null before there are enough pairs to say.
   */
  readonly residualMs: number | null;
  /** Median distance of a single pair from the relation, in ms. */
  readonly jitterMs: number;
  /** Pairs that were given. */
  readonly pairs: number;
  /** Of these, pairs that lay so far off that they were left out. */
  readonly outliers: number;
  /** One clock jumped, and the relation began anew. */
  readonly restarts: number;
}

/** The relation of the host's clock and a recorder's sample counter, learned from pairs; both ways. */
export interface ClockRelation {
  /** One event by both clocks. Pairs come in order of time, more or less; one that is older than the window is left out. */
  add(hostMs: number, sample: number): void;
  /** The sample at a host time, with its fraction; null before the first pair. */
  sampleAt(hostMs: number): number | null;
  /** The host time of a sample: with one-sided jitter that of the quickest pairs; null before the first pair. */
  hostMsAt(sample: number): number | null;
  /** Null before the first pair. */
  report(): ClockRelationReport | null;
}

/** Buckets are joined two by two when there are more. */
const MAX_BUCKETS = 256;
/** Width of a bucket before any are joined. */
const FIRST_WIDTH_MS = 62.5;
/** With one-sided jitter this share of buckets may lie on the wrong side of the relation: wrong pairs, rounding. */
const WRONG_SIDE = 0.05;
/** Residuals of the newest pairs that are kept for their median. */
const RECENT_PAIRS = 64;
/** Below so many buckets nothing is left out, and the residual is not told. */
const FEW_BUCKETS = 16;
/** Pairs that all lie far off for so long, and so many of them, mean that a clock has jumped. */
const JUMP_MS = 10_000;
const JUMP_PAIRS = 20;
/** No jitter is believed to be smaller. */
const MIN_SPREAD_MS = 0.001;
const EIGHTHS = 8;
const PPM = 1e-6;

/** A stretch of the sample clock's time, and the pair or the mean of the pairs in it. */
interface Bucket {
  readonly index: number;
  /** ms by the sample clock since the first pair. */
  x: number;
  /** Host minus sample clock since the first pair, in ms, its sign turned for `host-early`. */
  y: number;
  pairs: number;
}

/**
 * Learns the relation of two clocks online, in bounded memory (256 buckets), at half a millisecond of work per bucket.
 * The recorder's lost samples do not matter as long as its counter goes on; with a new start of the counter begin anew.
 *
 * Method: pairs are put into buckets of time; a bucket keeps the pair with the least delay where the jitter has one side,
 * else the mean. A line through these with a given share below it is the relation: 5 % with one-sided jitter, which is the
 * lower edge of the cloud but for a few wrong pairs, half otherwise. The slope has a normal prior, so that the first second
 * does not invent a drift.
 *
 * @throws MeaError `bad-input` when the nominal rate is not above 0
 */
export function createClockRelation(options: ClockRelationOptions): ClockRelation {
  if (!(options.nominalHz > 0 && options.nominalHz < Infinity)) {
    throw new MeaError('bad-input', {
      what: 'No sample clock',
      got: `${options.nominalHz} Hz`,
      wanted: 'a rate above 0',
    });
  }
  return new PairClockRelation(options);
}

class PairClockRelation implements ClockRelation {
  readonly #samplesPerMs: number;
  readonly #sign: 1 | -1;
  readonly #isOneSided: boolean;
  readonly #windowMs: number;
  readonly #slopeSd: number;

  #buckets: Bucket[] = [];
  #widthMs = FIRST_WIDTH_MS;
  /** The first pair: everything is counted from there, so that no digits are lost. */
  #origin: { readonly hostMs: number; readonly sample: number } | null = null;
  #line: Line = { intercept: 0, slope: 0 };
  /** Median distance of the pairs from the line. */
  #spreadMs = MIN_SPREAD_MS;
  /** Median distance of the buckets from it. */
  #bucketSpreadMs = MIN_SPREAD_MS;
  readonly #recent = new Float64Array(RECENT_PAIRS);
  #recentCount = 0;
  #pairs = 0;
  #outliers = 0;
  #restarts = 0;
  /** Where the present run of pairs that lie far off began. */
  #astray: { readonly sinceX: number; pairs: number } | null = null;

  constructor({ nominalHz, jitter = 'host-late', windowMs = 600_000, expectedDriftPpm = 50 }: ClockRelationOptions) {
    this.#samplesPerMs = nominalHz / 1000;
    this.#sign = jitter === 'host-early' ? -1 : 1;
    this.#isOneSided = jitter !== 'both';
    this.#windowMs = windowMs;
    this.#slopeSd = expectedDriftPpm * PPM;
  }

  add(hostMs: number, sample: number): void {
    this.#pairs += 1;
    if (!Number.isFinite(hostMs) || !Number.isFinite(sample)) {
      this.#outliers += 1;
      return;
    }
    this.#origin ??= { hostMs, sample };
    const x = this.#toX(sample, this.#origin.sample);
    const y = this.#sign * (hostMs - this.#origin.hostMs - x);
    const residual = y - this.#lineAt(x);
    if (this.#isAstray(residual, x)) {
      this.#outliers += 1;
      if (this.#hasJumped(x)) this.#beginAnew(hostMs, sample);
      return;
    }
    this.#astray = null;
    this.#noteResidual(residual);
    this.#put(x, y);
  }

  hostMsAt(sample: number): number | null {
    if (this.#origin === null) return null;
    const x = this.#toX(sample, this.#origin.sample);
    return this.#origin.hostMs + x + this.#sign * this.#lineAt(x);
  }

  sampleAt(hostMs: number): number | null {
    if (this.#origin === null) return null;
    const { intercept, slope } = this.#line;
    const x = (hostMs - this.#origin.hostMs - this.#sign * intercept) / (1 + this.#sign * slope);
    return this.#origin.sample + x * this.#samplesPerMs;
  }

  report(): ClockRelationReport | null {
    const newest = this.#buckets.at(-1);
    if (this.#origin === null || newest === undefined) return null;
    const { hostMs, sample } = this.#origin;
    return {
      offsetMs: hostMs - sample / this.#samplesPerMs + this.#sign * this.#lineAt(newest.x),
      driftPpm: (1 / (1 + this.#sign * this.#line.slope) - 1) / PPM,
      residualMs: this.#buckets.length < FEW_BUCKETS ? null : this.#residualMs(),
      jitterMs: this.#medianDistance(),
      pairs: this.#pairs,
      outliers: this.#outliers,
      restarts: this.#restarts,
    };
  }

  #toX(sample: number, origin: number): number {
    return (sample - origin) / this.#samplesPerMs;
  }

  #lineAt(x: number): number {
    return this.#line.intercept + this.#line.slope * x;
  }

  /** Half of the buckets lie below it, or a twentieth; of few buckets one at least, which may be a wrong pair. */
  get #quantile(): number {
    if (!this.#isOneSided) return 0.5;
    return Math.max(WRONG_SIDE, Math.min(0.5, 1.5 / Math.max(1, this.#buckets.length)));
  }

  /** Too early for the jitter, or very much too late; or older than what is kept. */
  #isAstray(residual: number, x: number): boolean {
    const newest = this.#buckets.at(-1);
    if (newest !== undefined && x < newest.x - this.#windowMs) return true;
    if (this.#buckets.length < FEW_BUCKETS) return false;
    const lateLimitMs = this.#isOneSided ? 5 + 20 * this.#spreadMs : this.#earlyLimitMs();
    return residual < -this.#earlyLimitMs() || residual > lateLimitMs;
  }

  /** The edge of a cloud of many pairs is sharper than the cloud is thick: buckets lie closer to it than pairs do. */
  #earlyLimitMs(): number {
    return 0.05 + (this.#isOneSided ? Math.min(1.5 * this.#spreadMs, 5 * this.#bucketSpreadMs) : 8 * this.#spreadMs);
  }

  #hasJumped(x: number): boolean {
    this.#astray ??= { sinceX: x, pairs: 0 };
    this.#astray.pairs += 1;
    return this.#astray.pairs >= JUMP_PAIRS && Math.abs(x - this.#astray.sinceX) >= JUMP_MS;
  }

  #beginAnew(hostMs: number, sample: number): void {
    this.#buckets = [];
    this.#widthMs = FIRST_WIDTH_MS;
    this.#origin = { hostMs, sample };
    this.#line = { intercept: 0, slope: 0 };
    this.#recentCount = 0;
    this.#astray = null;
    this.#restarts += 1;
    this.#put(0, 0);
  }

  #noteResidual(residual: number): void {
    this.#recent[this.#recentCount % RECENT_PAIRS] = Math.abs(residual);
    this.#recentCount += 1;
  }

  #medianDistance(): number {
    const kept = this.#recent.slice(0, Math.min(this.#recentCount, RECENT_PAIRS)).sort();
    return kept.length === 0 ? 0 : pickQuantile(kept, 0.5);
  }

  #put(x: number, y: number): void {
    const index = Math.floor(x / this.#widthMs);
    const place = this.#buckets.findLastIndex((bucket) => bucket.index <= index);
    const bucket = this.#buckets[place];
    if (bucket?.index === index) {
      this.#join(bucket, { index, x, y, pairs: 1 });
      if (this.#buckets.length < FEW_BUCKETS) this.#refit();
      return;
    }
    this.#buckets.splice(place + 1, 0, { index, x, y, pairs: 1 });
    this.#forget();
    while (this.#buckets.length > MAX_BUCKETS) this.#widen();
    this.#refit();
  }

  /** The quicker of two, or the mean of all. Within a bucket the drift matters less than 0.2 ms at 50 ppm. */
  #join(bucket: Bucket, other: Bucket): void {
    const pairs = bucket.pairs + other.pairs;
    if (!this.#isOneSided) {
      bucket.x += ((other.x - bucket.x) * other.pairs) / pairs;
      bucket.y += ((other.y - bucket.y) * other.pairs) / pairs;
    } else if (other.y - this.#lineAt(other.x) < bucket.y - this.#lineAt(bucket.x)) {
      bucket.x = other.x;
      bucket.y = other.y;
    }
    bucket.pairs = pairs;
  }

  #forget(): void {
    const oldest = (this.#buckets.at(-1)?.x ?? 0) - this.#windowMs;
    while (this.#buckets.length > 1 && this.#buckets[0]!.x < oldest) this.#buckets.shift();
  }

  #widen(): void {
    this.#widthMs *= 2;
    const wider: Bucket[] = [];
    for (const bucket of this.#buckets) {
      const index = Math.floor(bucket.x / this.#widthMs);
      const last = wider.at(-1);
      if (last?.index === index) this.#join(last, bucket);
      else wider.push({ ...bucket, index });
    }
    this.#buckets = wider;
  }

  #refit(): void {
    this.#spreadMs = Math.max(MIN_SPREAD_MS, this.#medianDistance());
    this.#fit();
    const distances = Float64Array.from(this.#buckets, ({ x, y }) => Math.abs(y - this.#lineAt(x))).sort();
    this.#bucketSpreadMs = pickQuantile(distances, 0.5);
    if (this.#buckets.length < FEW_BUCKETS) return;
    const before = this.#buckets.length;
    this.#buckets = this.#buckets.filter(({ x, y }) => y - this.#lineAt(x) >= -this.#earlyLimitMs());
    this.#outliers += before - this.#buckets.length;
  }

  #fit(): void {
    const x = Float64Array.from(this.#buckets, (bucket) => bucket.x);
    const y = Float64Array.from(this.#buckets, (bucket) => bucket.y);
    this.#line = fitQuantileLine(x, y, {
      quantile: this.#quantile,
      slopeSd: this.#slopeSd,
      spread: this.#spreadMs,
    });
  }

  #residualMs(): number {
    const residuals = Float64Array.from(this.#buckets, ({ x, y }) => y - this.#lineAt(x));
    let squares = 0;
    for (let eighth = 0; eighth < EIGHTHS; eighth++) {
      const from = Math.floor((eighth * residuals.length) / EIGHTHS);
      const to = Math.floor(((eighth + 1) * residuals.length) / EIGHTHS);
      squares += pickQuantile(residuals.slice(from, to).sort(), this.#quantile) ** 2;
    }
    return Math.sqrt(squares / EIGHTHS);
  }
}
