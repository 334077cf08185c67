import { startTables } from './tables.js';
import { startTheme } from './theme.js';

// Pages without drawings: a theme, tables that sort and can be saved.
startTheme(() => {});
startTables();
