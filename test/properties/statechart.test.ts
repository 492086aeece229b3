import { describe, test } from 'vitest';
import { createActor } from 'xstate';
import { fromComponent, type ComponentEvent, type ComponentSnapshot, type Offers } from '../../src/components/actor.ts';
import type { ComponentType } from '../../src/components/model.ts';
import { markingOfChart, statechartOf } from '../../src/components/statechart.ts';
import { without } from './mutants.ts';
import { anyType, shownAs } from './scenarios.ts';
import { drawn, holds, isCaught, runs, seed, type Tape } from './tape.ts';

/** A lone component, and what it is told one after the other. */
interface Life {
  readonly type: ComponentType;
  readonly offers: Partial<Offers>;
  /** Draws the events: which of those that fit depends on where the component stands. */
  readonly tape: Tape;
}

const lives = drawn((tape): Life => {
  const type = anyType(tape, 'T');
  const use = Object.keys(type.ports).filter((p) => type.ports[p]!.kind === 'use');
  const offers = { served: Object.fromEntries(use.map((p) => [p, tape.chance(80)])), values: {}, held: {} };
  return shownAs({ type, offers, tape: tape.rest() }, () => JSON.stringify({ type, offers }));
});

function nextEvent(tape: Tape, type: ComponentType, { value }: ComponentSnapshot): ComponentEvent {
  const inTransitions = Object.keys(value).filter((t) => t in type.transitions);
  const running = inTransitions.filter((t) => value[t] === 'running'), failed = inTransitions.filter((t) => value[t] === 'failed');
  const ports = (kind: string) => Object.keys(type.ports).filter((p) => type.ports[p]!.kind === kind);
  const about = (of: readonly string[]) => tape.one(of.length > 0 ? of : Object.keys(type.transitions));
  const writes = () => Object.fromEntries(ports('data-provide').filter(() => tape.chance(60)).map((p) => [p, tape.draw(5)]));
  switch (tape.one(['done', 'push', 'done', 'push', 'surroundings', 'done', 'failed', 'retry', 'skip', 'abort'] as const)) {
    case 'push': return { type: 'pushBehaviour', behaviour: tape.one(type.behaviours) };
    case 'done': return { type: 'done', transition: about(running), writes: writes() };
    case 'failed': return { type: 'failed', transition: about(running) };
    case 'retry': return { type: 'retry', transition: about(failed) };
    case 'skip': return { type: 'skip', transition: about(failed), writes: writes() };
    case 'abort': return { type: 'abort' };
    case 'surroundings': return {
      type: 'surroundings',
      served: Object.fromEntries(ports('use').map((p) => [p, tape.chance(70)])),
      held: Object.fromEntries(ports('provide').map((p) => [p, tape.chance(40)])),
      ...(tape.chance(50) ? { values: Object.fromEntries(ports('data-use').map((p) => [p, tape.draw(5)])) } : {}),
    };
  }
}

/** The same events to both: the same tokens, behaviours, data and withdrawing ports after each. */
function isSame({ type, offers, tape }: Life, read: (type: ComponentType) => ComponentType = (t) => t): void {
  const again = tape.rest();
  const net = createActor(fromComponent(type), { input: offers }).start();
  const chart = createActor(statechartOf(read(type)), { input: offers }).start();
  const told: string[] = [];
  for (let n = again.between(3, 14); ; n--) {
    const a = net.getSnapshot(), b = chart.getSnapshot();
    const { component: c, withdrawing } = a.context;
    const ours = { value: sorted(a.value), behaviour: c.behaviour, queue: c.queue, left: c.left.toSorted(), written: sorted(c.written), published: sorted(c.published), withdrawing: withdrawing.toSorted() };
    const { behaviour, queue, left, written, published } = b.context;
    const leaving = Object.entries(b.value as Record<string, string>).flatMap(([region, state]) => (state === 'withdrawing' ? [region.slice('port '.length)] : [])).sort();
    const theirs = { value: sorted(markingOfChart(b)), behaviour, queue, left: left.toSorted(), written: sorted(written), published: sorted(published), withdrawing: leaving };
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) throw new Error(`net and statechart differ after\n${told.join('\n')}\n${JSON.stringify(ours)}\n${JSON.stringify(theirs)}`);
    if (n === 0) return;
    const event = nextEvent(again, type, a);
    told.push(JSON.stringify(event));
    net.send(event);
    chart.send(event);
  }
}

const sorted = (record: object) => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

describe(`statechart = net (SEED=${seed} RUNS=${runs})`, () => {
  test('the same events lead the statechart of a type and its net to the same marking', () => holds(lives, (life) => isSame(life)), 120_000);

  test.each<[string, (type: ComponentType) => ComponentType]>([
    ['groups', (type) => ({ ...type, groups: {} })],
    ['dock sets', (type) => ({ ...type, transitions: Object.fromEntries(Object.entries(type.transitions).map(([n, t]) => [n, without(t, 'dockSet')])) })],
    ['switches', (type) => ({ ...type, switches: {} })],
    ['use ports', (type) => ({ ...type, ports: Object.fromEntries(Object.entries(type.ports).map(([n, p]) => [n, p.kind === 'use' ? { ...p, boundTo: [] } : p])) })],
  ])('test of the test: it is found out when the statechart ignores %s', (_, read) => isCaught(lives, (life) => isSame(life, read), /differ/), 120_000);
});
