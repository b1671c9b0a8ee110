/** The device does not keep a promise. Never leaves the kit: it becomes the outcome of the check. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
  readonly got: string;
  readonly wanted: string;

  constructor(got: string, wanted: string) {
    super(`got ${got}, expected ${wanted}`);
    this.got = got;
    this.wanted = wanted;
  }
}

/** The device cannot be asked, and why. Never leaves the kit: it becomes the outcome of the check. */
export class CheckSkipped extends Error {
  override readonly name = 'CheckSkipped';
}
