export { systemTimers } from '../drivers/system-timers.js';
