import { it } from 'vitest';
import { simulateResponses } from './simulate-responses.js';
import { drawPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
it('speed', () => {
  for (const parameters of ['ctrl','bic','mix0','ctrl','ctrl'] as const) {
    const p = drawPattern({sourceCount:2,mixing:.25,inputsPerBlock:16},256,openRandomStream(1,'pattern'));
    const t=performance.now();
    const r = simulateResponses({parameters,plasticity:'free-energy',condition:'none',seed:1},{patterns:p,sessions:100});
    const dt=performance.now()-t;
    let s=0; for(const c of r.counts) s+=c;
    console.log(parameters, dt.toFixed(0),'ms', s/r.counts.length);
  }
});
