/** Digital inputs of a controller; its analog inputs are wired to the lines of a trigger box after these. */
const DIGITAL_INPUTS = 16;

/** The line of a trigger box, from 1, that is wired to an input of the controller; undefined for a key, which has none. */
export function boxLineOf(trigger: string): number | undefined {
  const [, kind, number] = /^(digital|analog)-in (\d+)$/u.exec(trigger) ?? [];
  if (kind === undefined) return undefined;
  return kind === 'digital' ? Number(number) : DIGITAL_INPUTS + Number(number);
}
