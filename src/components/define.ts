import type { ComponentType, Parameter, Port, Probe, Switch, Transition } from './model.ts';

/**
 * Declares a component type. The names of places, groups, transitions and behaviours are checked by the compiler: a transition from a place that
 * does not exist, a port bound to nothing, a behaviour misspelt do not compile. What the compiler cannot see (a port bound to the wrong kind of
 * element, a dock set that cannot complete) is said by `tutti check`.
 *
 * @example
 * const lamp = defineComponent({
 *   name: 'lamp', places: ['off', 'on'], initialPlace: 'off', behaviours: ['deploy', 'stop'],
 *   transitions: {
 *     light: { from: 'off', to: 'on', behaviour: 'deploy', action: async ({ run }) => { await run(['true']); } },
 *     quench: { from: 'on', to: 'off', behaviour: 'stop' },
 *   },
 *   ports: { light: { kind: 'provide', boundTo: ['on'] } },
 * });
 */
export function defineComponent<const P extends string, const T extends string, const B extends string, const G extends string = never>(type: {
  readonly name: string;
  readonly about?: string;
  readonly places: readonly P[];
  readonly initialPlace: NoInfer<P>;
  readonly behaviours: readonly B[];
  readonly groups?: Readonly<Record<G, readonly NoInfer<P>[]>>;
  readonly transitions: Readonly<Record<T, Transition<NoInfer<P>, NoInfer<B>>>>;
  readonly switches?: Readonly<Partial<Record<NoInfer<P>, Switch<NoInfer<T>>>>>;
  readonly ports?: Readonly<Record<string, Port<NoInfer<P | G | T>>>>;
  readonly probes?: Readonly<Partial<Record<NoInfer<P>, Probe>>>;
  readonly parameters?: Readonly<Record<string, Parameter>>;
}): ComponentType<P, G, T, B> {
  return {
    ...type,
    groups: type.groups ?? ({} as Record<G, readonly P[]>),
    switches: (type.switches ?? {}) as Partial<Record<P, Switch<T>>>,
    ports: type.ports ?? {},
    probes: (type.probes ?? {}) as Partial<Record<P, Probe>>,
    parameters: type.parameters ?? {},
  };
}
