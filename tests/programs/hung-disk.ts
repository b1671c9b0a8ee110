import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { systemDisk, type Disk } from '../../src/recording/disk/disk.js';

/**
 * A disk of the folder of the FIFO in `HUNG_FIFO`: once there is a file `hang` beside it, forcing a file to the medium is a call
 * of the system that never comes back, as on a mount whose server is gone.
 */
export function createDisk(): Disk {
  const system = systemDisk();
  const fifo = process.env.HUNG_FIFO!;
  return {
    ...system,
    create: (path) => {
      const file = system.create(path);
      return {
        ...file,
        sync: () => {
          // Nobody ever writes into it.
          if (existsSync(join(fifo, '..', 'hang'))) openSync(fifo, 'r');
          file.sync();
        },
      };
    },
  };
}
