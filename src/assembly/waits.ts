import { blocks, isIdle, tokenIn } from '../components/net.ts';
import type { Instruction, PortRef } from './model.ts';
import { endOf, holdersOf, type AssemblyState, type Member } from './state.ts';
import { mayExecute } from './step.ts';

/** What a component (or the program) is waiting for at this moment, and of whom. */
export interface Wait {
  /** The component that waits; '' for an instruction of the program. */
  readonly component: string;
  /** The transition that cannot start (R3), the place that cannot be entered (R1), left (R2) or decided (R5), or the instruction. */
  readonly what: string;
  readonly rule: 'R1' | 'R2' | 'R3' | 'R5' | 'instruction';
  /** The port it is blocked at; none for an occupied place, an incomplete dock set or a `wait`. */
  readonly port?: string;
  /** Who could release it, and why they do not. */
  readonly for: readonly { readonly component: string; readonly port?: string; readonly why: string }[];
}

/**
 * Everything that waits in this state: blocked tokens first, in the order of declaration, then the program's instruction. `isDue`: the transition was to
 * start when nothing more was to be started.
 */
export function waitsOf(state: AssemblyState, isDue: IsDue = () => false): Wait[] {
  const waits: Wait[] = [];
  for (const member of state.members.values()) if (!isIdle(member.state)) waits.push(...waitsOfMember(member, isDue));
  const { program } = state;
  const instruction = program?.instructions[program.next];
  if (instruction && !mayExecute(state, instruction)) waits.push(waitOfInstruction(state, instruction, isDue));
  return waits;
}

/** The ports somebody is blocked at, as `component.port`, without doubles. */
export function blockedPorts(state: AssemblyState): string[] {
  return [...new Set(waitsOf(state).filter((w) => w.rule !== 'instruction' && w.port !== undefined).map((w) => `${w.component}.${w.port}`))];
}

type IsDue = (component: string, transition: string) => boolean;

function waitsOfMember(member: Member, isDue: IsDue): Wait[] {
  const component = member.spec.name;
  return blocks(member.net, member.state, member).flatMap((block): Wait[] => {
    switch (block.rule) {
      case 'R1': {
        const what = block.place;
        if (block.ports.length > 0) return block.ports.map((port) => ({ component, what, rule: 'R1', port, for: whyNotServed(member, port, isDue) }));
        if (block.occupied) return [{ component, what, rule: 'R1', for: [{ component, why: `"${block.place}" holds a token already` }] }];
        return block.missing.map((t) => ({ component, what, rule: 'R1', for: [{ component, why: whyNotEnded(member, t, isDue) }] }));
      }
      case 'R2': return block.ports.map((port) => ({
        component, what: block.place, rule: 'R2', port,
        for: holdersOf(member, block.ports).filter((u) => u.providers.some((p) => p.member === member && p.port.name === port))
          .map((u) => ({ component: u.member.spec.name, port: u.port.name, why: `uses it: ${whereIs(u.member, isDue)}` })),
      }));
      case 'R3': return block.ports.map((port) => ({ component, what: block.transition, rule: 'R3', port, for: whyNotServed(member, port, isDue) }));
      case 'R5': return block.ports.map((port) => ({ component, what: block.place, rule: 'R5', port, for: whyNotServed(member, port, isDue) }));
      default: return block satisfies never;
    }
  });
}

function waitOfInstruction(state: AssemblyState, instruction: Instruction, isDue: IsDue): Wait {
  const base = { component: '', what: describe(instruction), rule: 'instruction' } as const;
  switch (instruction.kind) {
    case 'disconnect': {
      const { use } = instruction.connection;
      const user = state.member(use.component);
      return { ...base, port: use.port, for: [{ component: use.component, port: use.port, why: `is in use: ${whereIs(user, isDue)}` }] };
    }
    case 'waitAll': return { ...base, for: [...state.members.values()].filter((m) => !isIdle(m.state)).map((m) => ({ component: m.spec.name, why: `is not idle: ${whereIs(m, isDue)}` })) };
    case 'wait': case 'delete': return { ...base, for: [{ component: instruction.component, why: `is not idle: ${whereIs(state.member(instruction.component), isDue)}` }] };
    default: return { ...base, for: [] };
  }
}

/** An instruction as a line of a program. */
export function describe(instruction: Instruction): string {
  const ref = (r: PortRef) => `${r.component}.${r.port}`;
  switch (instruction.kind) {
    case 'add': return `add ${instruction.component.name}: ${instruction.component.type}`;
    case 'delete': return `delete ${instruction.component}`;
    case 'connect': case 'disconnect': return `${instruction.kind} ${ref(instruction.connection.use)} -> ${ref(instruction.connection.provide)}`;
    case 'pushBehaviour': return `push ${instruction.behaviour} to ${instruction.component}`;
    case 'wait': return `wait for ${instruction.component}`;
    case 'waitAll': return 'wait for all';
    case 'call': return `call ${instruction.program}`;
    default: return instruction satisfies never;
  }
}

/** Where a component stands, in words: its places, its behaviour, what runs or failed. */
function whereIs({ spec, state }: Member, isDue: IsDue): string {
  const parts: string[] = [];
  if (state.places.length > 0) parts.push(`in ${state.places.join(' and ')}`);
  for (const m of state.moving) parts.push(`${m.transition} ${m.status === 'ended' ? 'has ended' : m.status === 'ready' ? 'is ready' : m.status === 'failed' ? 'failed' : `is ${isDue(spec.name, m.transition) ? 'due' : m.status}`}`);
  if (!state.entered) parts.push('not entered yet');
  if (state.behaviour !== null) parts.push(`behaviour ${state.behaviour}`);
  else parts.push('no behaviour');
  return parts.join(', ');
}

function whyNotEnded(member: Member, transition: string, isDue: IsDue): string {
  const t = member.net.transitions.get(transition)!;
  const token = tokenIn(member.state, transition);
  if (token) return `${transition} is ${isDue(member.spec.name, transition) ? 'due' : token.status}`;
  return `${transition} has no token: "${t.from.name}" was not left by it`;
}

function whyNotServed(member: Member, port: string, isDue: IsDue): Wait['for'] {
  const use = endOf(member.uses, port);
  if (use) {
    if (use.providers.length === 0) return [{ component: member.spec.name, port, why: 'is connected to nobody' }];
    return use.providers.filter((p) => !p.active || p.withdrawing !== undefined).map((p) => ({
      component: p.member.spec.name, port: p.port.name,
      why: `${p.active ? `is withdrawing ("${p.withdrawing}" is to be left)` : 'is not active'}: ${whereIs(p.member, isDue)}`,
    }));
  }
  const end = endOf(member.dataUses, port);
  if (!end) return [{ component: member.spec.name, port, why: `is its own, and no action has written it: ${whereIs(member, isDue)}` }];
  const { sources } = end;
  if (sources.length === 0) return [{ component: member.spec.name, port, why: 'is connected to nobody' }];
  return sources.filter((s) => !(s.port.name in s.member.state.published)).map((s) => ({
    component: s.member.spec.name, port: s.port.name, why: `has no value yet: ${whereIs(s.member, isDue)}`,
  }));
}
