import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import type { Figure } from './figure.js';
import { renderTable } from './figure.js';
import { formatFixed } from './format.js';
import { categoryCourses, type CategoryCourse, type ResponseCategory } from './response-categories.js';
import { CATEGORY_STYLES, nameCategory } from './response-category-names.js';
import { drawSessionChart, nameOfShade } from './session-chart.js';
import { initialWindow, lastWindow, meanOverWindow, nameWindow } from './session-window.js';
import { responseWords, type Preference } from './words.js';

/** Responses of every ensemble by the state of the sources, over sessions. */
export function responseCourseFigure(analysis: CultureAnalysis, fitted: FittedCulture): Figure {
  const { design, ensembles } = analysis;
  const courses = ensembles.map((_, a) => categoryCourses(analysis, fitted, a));
  const reach = [Math.max(0, ...Array.from(fitted.responses).filter(Number.isFinite))];
  const [early, late] = [initialWindow(design), lastWindow(design)];
  const names = { firstName: nameWindow(early), lastName: nameWindow(late) };
  return {
    title: 'Responses by source state',
    words: responseWords(
      courses.map((list, a) => preferenceOf(list, a, design)),
      names,
    ),
    caption: `Mean raw spike counts of each ensemble's electrodes after the pulse, by which sources were on; ${nameOfShade(design)}. Bits in the table are the states of source 1 to ${design.sourceCount}. The electrodes were chosen for their preference, which flatters it; the verdict chooses and scores on different trials.`,
    legend: (courses[0] ?? []).map(({ category }) => ({
      label: nameCategory(category, design.sourceCount),
      style: CATEGORY_STYLES[category],
    })),
    panels: courses.map((list, a) => ({
      title: `Ensemble ${a + 1} (prefers source ${a + 1}; ${electrodesOf(ensembles[a]!.length)})`,
      drawing: drawSessionChart({
        design,
        unit: 'spikes per trial and electrode',
        description: `Responses of ensemble ${a + 1} over ${design.sessions} sessions by source state`,
        fromZero: true,
        reach,
        series: list.map(({ category, values }) => ({
          label: nameCategory(category, design.sourceCount),
          values,
          style: CATEGORY_STYLES[category],
        })),
      }),
    })),
    table: renderTable({
      caption: 'Spikes per trial and electrode',
      head: ['Sources on', 'States', names.firstName, names.lastName, 'change'],
      rows: courses.flatMap((list, a) => list.map((course) => rowOf(course, a, { early, late }))),
    }),
  };
}

function electrodesOf(count: number): string {
  return `${count} ${count === 1 ? 'electrode' : 'electrodes'}`;
}

interface Windows {
  readonly early: ReturnType<typeof initialWindow>;
  readonly late: ReturnType<typeof lastWindow>;
}

function rowOf({ category, states, values }: CategoryCourse, a: number, { early, late }: Windows): readonly string[] {
  const first = meanOverWindow(values, early);
  const last = meanOverWindow(values, late);
  return [
    `Ensemble ${a + 1}: ${nameCategory(category, Math.log2(2 ** (states[0]?.length ?? 1)))}`,
    states.join(' '),
    formatFixed(first, 2),
    formatFixed(last, 2),
    formatFixed(last - first, 2),
  ];
}

function preferenceOf(list: readonly CategoryCourse[], a: number, design: CultureAnalysis['design']): Preference {
  const valueOf = (category: ResponseCategory, window: ReturnType<typeof initialWindow>): number =>
    meanOverWindow(list.find((course) => course.category === category)!.values, window);
  const preferenceIn = (window: ReturnType<typeof initialWindow>): number =>
    valueOf('own', window) - valueOf('other', window);
  return { ensemble: a, first: preferenceIn(initialWindow(design)), last: preferenceIn(lastWindow(design)) };
}
