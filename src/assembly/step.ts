import {
  aborted, applyMove, ended, failed, initialState, isFinished, isIdle, nextBehaviour, nextMove, pushed, restarted, retrying, tokenIn, tried, type ComponentState, type Move, type Rule,
} from '../components/net.ts';
import type { ActionRef, Assembly, Effect, Event, Happening, Instruction, Outcome } from './model.ts';
import { AssemblyState, dataFor, type Member } from './state.ts';

/** What one event led to: actions to run, and everything that happened, in order. */
export interface Step {
  readonly state: AssemblyState;
  readonly effects: Effect[];
  readonly happenings: Happening[];
}

/** An assembly as it is before its first program: its components added and connected, the rules applied until none does. */
export function createAssembly(assembly: Pick<Assembly, 'types' | 'components' | 'connections'>): Step {
  const step: Step = { state: new AssemblyState(assembly.types), effects: [], happenings: [] };
  for (const spec of assembly.components) execute(step, { kind: 'add', component: spec });
  for (const connection of assembly.connections) execute(step, { kind: 'connect', connection });
  settle(step);
  return step;
}

/**
 * Advances the state by one event and applies instructions and rules until none applies. Deterministic: the same events give the same state.
 * The state is advanced in place (see AssemblyState). Events are taken to be valid: `refuse` says beforehand whether they are.
 */
export function step(state: AssemblyState, event: Event): Step {
  const result: Step = { state, effects: [], happenings: [] };
  switch (event.kind) {
    case 'program':
      state.program = { name: event.name, instructions: [...event.instructions], next: 0, open: event.open ?? false, outcome: undefined };
      result.happenings.push({ kind: 'programBegan', program: event.name });
      break;
    case 'instruct':
      if (!state.program) break;
      state.program.instructions.push(...event.instructions);
      if (event.close) state.program.open = false;
      revive(state);
      break;
    case 'ended':
      for (const { action, outcome } of event.outcomes) end(result, action, outcome);
      for (const action of event.retriesDue ?? []) tryAgain(result, action);
      break;
    case 'retry': {
      const member = state.member(event.component);
      state.set(member, restarted(member.state, event.transition));
      start(result, member, event.transition);
      revive(state);
      break;
    }
    case 'skip': {
      const member = state.member(event.component);
      state.set(member, ended(member.state, event.transition, event.writes ?? {}));
      result.happenings.push({ kind: 'skipped', component: event.component, transition: event.transition });
      revive(state);
      break;
    }
    case 'abort':
      abort(result, state.member(event.component));
      revive(state);
      break;
    case 'cancel':
      if (state.program) Object.assign(state.program, { next: state.program.instructions.length, open: false, ...(state.program.outcome === 'done' ? {} : { cancelled: true }) });
      for (const member of state.members.values()) if (member.state.queue.length > 0) state.set(member, { ...member.state, queue: [] });
      revive(state);
      break;
    case 'probed':
      probed(result, event);
      break;
    default:
      return event satisfies never;
  }
  settle(result);
  return result;
}

/** A failed or deadlocked program goes on after the operator's repair. */
function revive(state: AssemblyState): void {
  if (state.program && state.program.outcome !== 'done' && state.program.outcome !== 'cancelled') state.program.outcome = undefined;
}

/** The order within an instant: instructions, then R1, R2, R3 until none applies, then R5, and again. R4 is the next event. */
function settle(step: Step): void {
  do {
    instruct(step);
    applyRules(step);
  } while (finishBehaviours(step) || mayInstruct(step.state));
  conclude(step);
}

const rules: readonly Rule[] = ['R1', 'R2', 'R3'];

function applyRules(step: Step): void {
  const { state } = step;
  for (let member = state.agenda.next(); member; member = state.agenda.next()) {
    const move = nextMove(member.net, member.state, member, rules[member.stage - 1]!);
    if (move) applyOne(step, member, move);
    else if (state.agenda.advance(member) && member.state.moving.length === 0 && !isIdle(member.state)) state.finishing.push(member);
  }
}

function applyOne(step: Step, member: Member, move: Move): void {
  const component = member.spec.name;
  step.state.set(member, applyMove(member.net, member.state, move));
  switch (move.rule) {
    case 'R1': step.happenings.push({ kind: 'entered', component, place: move.place }); break;
    case 'R2': step.happenings.push({ kind: 'left', component, place: move.place }); break;
    case 'R3': start(step, member, move.transition.name); break;
  }
}

function actionOf(member: Member, transition: string): ActionRef {
  const { execution, attempt } = tokenIn(member.state, transition)!;
  return { component: member.spec.name, transition, execution, attempt };
}

function start(step: Step, member: Member, transition: string): void {
  const action = actionOf(member, transition);
  step.effects.push({ kind: 'start', action, data: dataFor(member, transition) });
  step.happenings.push({ kind: 'started', action });
}

/** R5 for every component whose behaviour is over; true when one was. A behaviour with nothing to do ends at once (R7). */
function finishBehaviours(step: Step): boolean {
  const { state } = step;
  if (state.finishing.length === 0) return false;
  const due = [...new Set(state.finishing)].filter((m) => !m.deleted && mayBegin(m)).sort((a, b) => a.index - b.index);
  state.finishing = [];
  for (const member of due) {
    const { behaviour } = member.state;
    if (behaviour !== null) step.happenings.push({ kind: 'behaviourEnded', component: member.spec.name, behaviour, empty: false });
    begin(step, member, member.state);
  }
  return due.length > 0;
}

/** The behaviour is over, or the component was entered with one queued. */
function mayBegin(member: Member): boolean {
  const { net, state } = member;
  return state.behaviour === null ? state.entered && state.queue.length > 0 : isFinished(net, state, member);
}

/** The next behaviour of the queue that has something to do begins; with none the component is idle. */
function begin(step: Step, member: Member, from: ComponentState): void {
  const component = member.spec.name;
  let next = nextBehaviour(from);
  while (next.behaviour !== null && isFinished(member.net, next, member)) {
    step.happenings.push({ kind: 'behaviourBegan', component, behaviour: next.behaviour });
    step.happenings.push({ kind: 'behaviourEnded', component, behaviour: next.behaviour, empty: true });
    next = nextBehaviour(next);
  }
  step.state.set(member, next);
  if (next.behaviour !== null) step.happenings.push({ kind: 'behaviourBegan', component, behaviour: next.behaviour });
}

// ---- instructions -----------------------------------------------------------------------------

function instruct(step: Step): void {
  const { program } = step.state;
  if (!program) return;
  while (mayInstruct(step.state)) {
    const instruction = program.instructions[program.next]!;
    step.happenings.push({ kind: 'instructed', index: program.next++, instruction });
    execute(step, instruction);
  }
}

function mayInstruct(state: AssemblyState): boolean {
  const { program } = state;
  if (!program || program.outcome !== undefined || program.next >= program.instructions.length) return false;
  return mayExecute(state, program.instructions[program.next]!);
}

/** Whether an instruction waits for nothing (any more). */
export function mayExecute(state: AssemblyState, instruction: Instruction): boolean {
  switch (instruction.kind) {
    case 'add': case 'connect': case 'pushBehaviour': case 'call': return true;
    case 'wait': return isIdle(state.member(instruction.component).state);
    case 'delete': return isIdle(state.member(instruction.component).state);
    case 'waitAll': return state.idle === state.members.size;
    case 'disconnect': return state.mayDisconnect(instruction.connection);
    default: return instruction satisfies never;
  }
}

function execute(step: Step, instruction: Instruction): void {
  const { state } = step;
  switch (instruction.kind) {
    case 'add':
      state.add(instruction.component);
      step.happenings.push({ kind: 'added', component: instruction.component.name });
      return;
    case 'delete':
      state.delete(instruction.component);
      step.happenings.push({ kind: 'deleted', component: instruction.component });
      return;
    case 'connect': return state.connect(instruction.connection);
    case 'disconnect': return state.disconnect(instruction.connection);
    case 'pushBehaviour': {
      const member = state.member(instruction.component);
      const idle = isIdle(member.state);
      const asked = pushed(member.state, instruction.behaviour);
      // An idle component begins in the instruction's own instant: a withdrawal asked for comes before a new use.
      if (idle) begin(step, member, asked);
      else state.set(member, asked);
      return;
    }
    case 'wait': case 'waitAll': return;
    case 'call': throw new TypeError('calls are expanded before a program begins');
    default: return instruction satisfies never;
  }
}

// ---- ends, failures and repairs ---------------------------------------------------------------

function end(step: Step, action: ActionRef, outcome: Outcome): void {
  const { state } = step;
  const member = state.member(action.component);
  if (outcome.kind === 'done') {
    state.set(member, ended(member.state, action.transition, outcome.writes));
    step.happenings.push({ kind: 'ended', action });
    return;
  }
  const { failure } = outcome;
  const { retry } = member.net.type.transitions[action.transition]!;
  if (retry && !outcome.final && action.attempt <= retry.times) {
    const delayMs = (retry.delayMs ?? 1000) * (retry.factor ?? 1) ** (action.attempt - 1);
    state.set(member, retrying(member.state, action.transition, failure.unsettled));
    step.effects.push({ kind: 'retryLater', action, delayMs });
    step.happenings.push({ kind: 'retrying', action, failure, delayMs });
  } else {
    state.set(member, failed(member.state, action.transition, failure.unsettled));
    member.failures = new Map(member.failures).set(action.transition, failure);
    step.happenings.push({ kind: 'failed', action, failure });
  }
}

function tryAgain(step: Step, { component, transition }: ActionRef): void {
  const member = step.state.member(component);
  step.state.set(member, tried(member.state, transition));
  start(step, member, transition);
}

function abort(step: Step, member: Member): void {
  const before = member.state.places;
  step.state.set(member, member.state.entered ? aborted(member.net, member.state) : { ...initialState(), executions: member.state.executions });
  step.happenings.push({ kind: 'aborted', component: member.spec.name, places: member.state.places.filter((p) => !before.includes(p)) });
}

function probed(step: Step, event: Extract<Event, { kind: 'probed' }>): void {
  const member = step.state.member(event.component);
  const { component, place } = event;
  if (event.ok) {
    if (!member.degraded.has(place)) return;
    member.degraded = new Map([...member.degraded].filter(([other]) => other !== place));
    step.happenings.push({ kind: 'healthy', component, place });
    return;
  }
  const reason = event.reason ?? 'its probe failed';
  // A probe that was still asking when its place was left says nothing about the component now.
  if (member.degraded.has(place) || !member.state.places.includes(place)) return;
  member.degraded = new Map(member.degraded).set(place, reason);
  const users = new Set<string>();
  for (const provide of member.provides) if (provide.port.covers.has(place)) for (const user of provide.users) users.add(user.member.spec.name);
  step.happenings.push({ kind: 'degraded', component, place, reason, users: [...users] });
}

/** Why an operator's event cannot be; undefined when it can. */
export function refuse(state: AssemblyState, event: Event): string | undefined {
  switch (event.kind) {
    case 'retry': case 'skip': {
      const member = state.members.get(event.component);
      if (!member) return `there is no component "${event.component}"`;
      if (!member.net.transitions.has(event.transition)) return `"${event.component}" has no transition "${event.transition}"`;
      const token = tokenIn(member.state, event.transition);
      return token?.status === 'failed' ? undefined : `"${event.component}.${event.transition}" is ${token?.status ?? 'idle'}, not failed`;
    }
    case 'abort': {
      const member = state.members.get(event.component);
      if (!member) return `there is no component "${event.component}"`;
      const running = member.state.moving.find((m) => m.status === 'running' || m.status === 'retrying');
      if (running) return `"${event.component}.${running.transition}" is still ${running.status}; wait for its end`;
      return isIdle(member.state) ? `"${event.component}" is idle: there is nothing to abort` : undefined;
    }
    default: return undefined;
  }
}

/** I8, F2, F4: says once how the program ended when it is over or nothing can move any more. */
function conclude(step: Step): void {
  const { state } = step;
  const { program } = state;
  if (!program || program.outcome !== undefined) return;
  const pending = program.next < program.instructions.length;
  if (!pending && !program.open && state.idle === state.members.size) program.outcome = program.cancelled ? 'cancelled' : 'done';
  else if (state.inFlight === 0 && (pending || !program.open)) program.outcome = program.cancelled ? 'cancelled' : state.failed > 0 ? 'failed' : 'deadlock';
  else return;
  step.happenings.push({ kind: 'programEnded', program: program.name, outcome: program.outcome });
}

