/** A fill on which dark text is read, and a line of the same hue that shows on white and on black. */
export interface Colour {
  readonly fill: string;
  readonly line: string;
}

/** Red is not among them: it means failed. Neighbours differ in lightness too, for eyes that tell few hues apart. */
const colours: readonly Colour[] = [
  { fill: '#9ecbff', line: '#2f7de1' },
  { fill: '#ffd58a', line: '#b97a00' },
  { fill: '#a6e3b0', line: '#2f9e4f' },
  { fill: '#d7bfff', line: '#8a63d2' },
  { fill: '#9fe3e0', line: '#14918b' },
  { fill: '#ffc2de', line: '#cf4f97' },
  { fill: '#dfe08a', line: '#8a8f00' },
  { fill: '#e2c7ae', line: '#a06a3a' },
];

export const failedColour: Colour = { fill: '#ffc9c5', line: '#d1242f' };
/** What belongs to no behaviour. */
export const plainColour: Colour = { fill: '#d8dee4', line: '#768390' };

/** A colour for each name, by order; more than eight names share them. */
export function colourOf(names: readonly string[]): (name: string | undefined) => Colour {
  const byName = new Map(names.map((name, i) => [name, colours[i % colours.length]!]));
  return (name) => (name === undefined ? undefined : byName.get(name)) ?? plainColour;
}
