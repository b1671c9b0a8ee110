import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import type { Figure } from './figure.js';
import { COLOURS, type LineStyle } from './palette.js';
import { drawSessionChart, nameOfShade } from './session-chart.js';
import { blockCourse, type BlockCourse } from './weight-statistics.js';
import { weightCourseWords } from './words.js';

const OWN_OBSERVED: LineStyle = { colour: COLOURS.blue, marker: 'circle', width: 2 };
const OTHER_OBSERVED: LineStyle = { colour: COLOURS.vermillion, marker: 'square', width: 2 };
const OWN_PREDICTED: LineStyle = { colour: COLOURS.blue, dash: '5 3' };
const OTHER_PREDICTED: LineStyle = { colour: COLOURS.vermillion, dash: '5 3' };

interface EnsembleCourses {
  readonly observed: BlockCourse;
  readonly predicted: BlockCourse;
}

/** Mean W by block of inputs over sessions, observed and predicted. */
export function weightCourseFigure({ design, ensembles }: CultureAnalysis, { arrays }: FittedCulture): Figure {
  const courses = ensembles.map((_, a): EnsembleCourses => ({
    observed: blockCourse(design, arrays, { kind: 'observed', a }),
    predicted: blockCourse(design, arrays, { kind: 'predicted', a }),
  }));
  const reach = courses.flatMap(({ observed, predicted }) =>
    [observed, predicted].flatMap(({ own, other }) => [...own, ...other]),
  );
  const last = design.sessions - 1;
  const difference = (kind: keyof EnsembleCourses): number =>
    courses.reduce((sum, course) => sum + course[kind].own[last]! - course[kind].other[last]!, 0) / courses.length;
  return {
    title: 'Course of W',
    words: weightCourseWords({
      observed: difference('observed'),
      predicted: difference('predicted'),
      session: design.sessions,
    }),
    caption: `Mean W over the inputs that mostly follow the ensemble's own source, and over all others; ${nameOfShade(design)}. The prediction starts after them and never sees later responses.`,
    legend: [
      { label: 'own block, observed', style: OWN_OBSERVED },
      { label: 'own block, predicted', style: OWN_PREDICTED },
      { label: 'other blocks, observed', style: OTHER_OBSERVED },
      { label: 'other blocks, predicted', style: OTHER_PREDICTED },
    ],
    panels: courses.map(({ observed, predicted }, a) => ({
      title: `Ensemble ${a + 1}`,
      drawing: drawSessionChart({
        design,
        unit: 'mean W (log odds)',
        description: `Mean W of ensemble ${a + 1} over ${design.sessions} sessions, own block and other blocks`,
        fromZero: true,
        reach,
        series: [
          { label: 'own, observed', values: observed.own, style: OWN_OBSERVED },
          { label: 'other, observed', values: observed.other, style: OTHER_OBSERVED },
          { label: 'own, predicted', values: predicted.own, style: OWN_PREDICTED, from: design.initialSessions },
          { label: 'other, predicted', values: predicted.other, style: OTHER_PREDICTED, from: design.initialSessions },
        ],
      }),
    })),
  };
}
