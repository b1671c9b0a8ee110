export { createVirtualTimers, type VirtualTimers } from '../../protocols/virtual-timers.js';
