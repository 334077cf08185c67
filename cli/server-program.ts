import { addBrokerCommand, addClusterCommand } from './broker/commands.js';
import { newProgram, runProgram } from './run-program.js';

/** `varve broker` and `varve cluster`: nothing else is loaded before they serve. */
const program = newProgram();
addBrokerCommand(program);
addClusterCommand(program);
await runProgram(program);
