import { ioConformance } from './io-conformance.js';
import { SimulatedFileSystem } from './simulated-file-system.js';

for (const reservationBytes of [0, 65_536]) {
  ioConformance(`simulated, ${reservationBytes} bytes reserved at a time`, () => {
    // Poison is off: it gives a new window for every call, on purpose.
    const fs = new SimulatedFileSystem({ seed: 1, reservationBytes, poisonReleased: false });
    fs.makeDirectory('/data');
    return { fs, directory: '/data', cleanup: () => undefined };
  });
}
