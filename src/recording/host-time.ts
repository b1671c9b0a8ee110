/** Time of the host in ms, the same in all threads; it begins anywhere and never goes back. */
export function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
