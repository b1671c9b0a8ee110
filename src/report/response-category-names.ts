import { COLOURS, type LineStyle } from './palette.js';
import type { ResponseCategory } from './response-categories.js';

/** The look of each kind of state, as its ensemble sees it, in every figure. */
export const CATEGORY_STYLES: Readonly<Record<ResponseCategory, LineStyle>> = {
  own: { colour: COLOURS.blue, marker: 'circle', width: 2 },
  other: { colour: COLOURS.vermillion, dash: '6 3', marker: 'square' },
  ownAndOthers: { colour: COLOURS.green, dash: '10 3', marker: 'triangle' },
  others: { colour: COLOURS.purple, dash: '8 3 2 3', marker: 'cross' },
  none: { colour: COLOURS.grey, dash: '2 3', marker: 'diamond' },
};

/** A kind of state in words. */
export function nameCategory(category: ResponseCategory, sourceCount: number): string {
  const two = sourceCount === 2;
  return {
    own: 'own source alone',
    other: two ? 'other source alone' : 'one other source alone (mean)',
    ownAndOthers: two ? 'both sources' : 'own and other sources (mean)',
    others: 'several other sources (mean)',
    none: 'no source',
  }[category];
}
