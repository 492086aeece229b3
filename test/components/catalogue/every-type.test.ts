import { describe, expect, test } from 'vitest';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import type { ComponentType } from '../../../src/components/model.ts';

/*
 * What holds of every component type of the catalogue, whichever system it is of: a type that is added to the list gets these tests.
 */

describe.each(catalogue.map((type): [string, ComponentType] => [type.name, type]))('%s', (name, type) => {
  const transitions = Object.entries(type.transitions);

  test('is named after its system, and says what it is in a sentence', () => {
    expect(name).toMatch(/^[a-z]+\/[a-z-]+$/);
    expect(type.about).toMatch(/^[A-Z].*\.$/);
  });

  test('says how long each transition takes, so that a program can be simulated before it was ever run', () => {
    expect(transitions.filter(([, { durationMs }]) => durationMs === undefined).map(([transition]) => transition)).toEqual([]);
  });

  test('may be resumed: each action may be run again when nobody knows its fate', () => {
    expect(transitions.filter(([, { action, idempotent }]) => action && !idempotent).map(([transition]) => transition)).toEqual([]);
  });

  test('explains its parameters', () => {
    expect(Object.entries(type.parameters).filter(([, { about }]) => !about?.endsWith('.')).map(([parameter]) => parameter)).toEqual([]);
  });

  test('names an interface for each port, so that components are joined by naming them', () => {
    expect(Object.entries(type.ports).filter(([, port]) => port.interface === undefined).map(([port]) => port)).toEqual([]);
  });

  test('has no dead end: each place is left by some behaviour', () => {
    const left = new Set(transitions.map(([, { from }]) => from));
    expect(type.places.filter((place) => !left.has(place))).toEqual([]);
  });
});
