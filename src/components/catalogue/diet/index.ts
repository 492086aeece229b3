export { client } from './client.ts';
export { localAgent } from './local-agent.ts';
export { masterAgent } from './master-agent.ts';
export { namingService } from './naming-service.ts';
export { dietParents, parentCycles } from './parents.ts';
export { serverDaemon } from './server-daemon.ts';
