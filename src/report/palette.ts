/**
 * Colours by name, after Okabe & Ito (colour-blind safe); the values stand in the style sheet, darker on light pages and
 * lighter on dark ones so that every line keeps a contrast of 3 to 1.
 */
export const COLOURS = {
  ink: 'var(--ink)',
  grey: 'var(--grey)',
  blue: 'var(--blue)',
  vermillion: 'var(--vermillion)',
  green: 'var(--green)',
  purple: 'var(--purple)',
  orange: 'var(--orange)',
  sky: 'var(--sky)',
} as const;

export type MarkerName = 'circle' | 'square' | 'triangle' | 'diamond' | 'cross' | 'star';

/** How a line looks: colour, dashes and marker together, so that it is known without its colour too. */
export interface LineStyle {
  readonly colour: string;
  /** As in SVG, e.g. `6 3`; a full line where absent. */
  readonly dash?: string;
  /** 1.6 where absent. */
  readonly width?: number;
  readonly marker?: MarkerName;
}

/** Ensembles 1 to 4 in every figure. */
const ENSEMBLE_STYLES: readonly LineStyle[] = [
  { colour: COLOURS.blue, marker: 'circle' },
  { colour: COLOURS.vermillion, marker: 'square' },
  { colour: COLOURS.green, marker: 'triangle' },
  { colour: COLOURS.purple, marker: 'diamond' },
];

/** The look of ensemble `a` (from 0). */
export function ensembleStyle(a: number): LineStyle {
  return ENSEMBLE_STYLES[a % ENSEMBLE_STYLES.length]!;
}
