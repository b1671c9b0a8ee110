// `npm run build`: generated code, kernels, TypeScript.
import { bootstrap } from './bootstrap.mjs';

bootstrap();
