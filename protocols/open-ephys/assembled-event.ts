import type { SampleBlock } from '../sample-block.js';
import type { SampleIndex } from '../units.js';

/** What the messages amount to, in the order of the samples. */
export type AssembledEvent =
  | { readonly type: 'started'; readonly firstSample: SampleIndex }
  | (SampleBlock & { readonly type: 'block' })
  | {
      readonly type: 'samples-lost';
      readonly fromSample: SampleIndex;
      readonly toSample: SampleIndex;
      /** Messages that did not come, or could not be read, meanwhile; 0 where the program itself had no samples. */
      readonly messages: number;
    }
  | { readonly type: 'line-changed'; readonly sample: SampleIndex; readonly line: number; readonly isHigh: boolean }
  | { readonly type: 'ended'; readonly endSample: SampleIndex }
  | { readonly type: 'warning'; readonly message: string };
