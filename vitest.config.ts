import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{protocols,drivers,src,sim-device,tests}/**/*.test.ts'],
    // The slowest tests fit whole experiments; a loaded two-core machine needs the room.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
