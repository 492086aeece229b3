export { cache } from './cache.ts';
export { closure } from './closure.ts';
export { system } from './system.ts';
