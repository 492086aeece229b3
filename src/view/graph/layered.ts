import dagre from '@dagrejs/dagre';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A box by its centre. */
export interface Placed extends Point {
  readonly width: number;
  readonly height: number;
}

export interface LayeredInput {
  /** `parent` is another node that encloses this one; its own size does not matter. */
  readonly nodes: readonly { readonly id: string; readonly width: number; readonly height: number; readonly parent?: string | undefined }[];
  /** `width` and `height` are those of the label; 0 for none. Several edges may go between the same two nodes. */
  readonly edges: readonly { readonly from: string; readonly to: string; readonly width: number; readonly height: number }[];
  /** Where edges point: downwards or to the right. */
  readonly direction: 'down' | 'right';
  readonly nodeGap: number;
  readonly layerGap: number;
}

export interface Layered {
  readonly width: number;
  readonly height: number;
  readonly nodes: ReadonlyMap<string, Placed>;
  /** In the order of the input: the bends of each edge, ends included, and the centre of its label. */
  readonly edges: readonly { readonly points: readonly Point[]; readonly label: Point }[];
}

/** Places nodes in layers so that most edges point one way and few cross. The same input gives the same picture. */
export function layered({ nodes, edges, direction, nodeGap, layerGap }: LayeredInput): Layered {
  if (nodes.length === 0) return { width: 0, height: 0, nodes: new Map(), edges: [] };
  const graph = new dagre.graphlib.Graph({ multigraph: true, compound: nodes.some(({ parent }) => parent !== undefined) });
  graph.setGraph({
    rankdir: direction === 'down' ? 'TB' : 'LR', nodesep: nodeGap, ranksep: layerGap, edgesep: 12,
    // The exact ranker takes minutes where this one takes a second, and its pictures are little better.
    ...(edges.length > 300 ? { ranker: 'tight-tree' as const } : {}),
  });
  nodes.forEach(({ id, width, height }) => graph.setNode(id, { width, height }));
  nodes.forEach(({ id, parent }) => {
    if (parent !== undefined) graph.setParent(id, parent);
  });
  edges.forEach(({ from, to, width, height }, i) => graph.setEdge(from, to, { width, height, labelpos: 'c' }, String(i)));
  dagre.layout(graph);

  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    nodes: new Map(nodes.map(({ id }) => {
      const { x, y, width, height } = graph.node(id) as Placed;
      return [id, { x, y, width, height }];
    })),
    edges: edges.map(({ from, to }, i) => {
      const { points, x, y } = graph.edge(from, to, String(i)) as { points: Point[]; x?: number; y?: number };
      const middle = points[points.length >> 1]!;
      return { points, label: { x: x ?? middle.x, y: y ?? middle.y } };
    }),
  };
}

interface End {
  readonly box: Placed;
  readonly side: 1 | -1;
  readonly towards: Point;
  at: Point;
}

/**
 * SVG path data for each edge of a layout: it leaves and arrives square to the layers; the ends on one side of a box are spread over it, in the
 * order in which the lines come. `boxOf` gives the boxes as they are drawn.
 */
export function routes(edges: readonly { readonly from: string; readonly to: string }[], layout: Layered, boxOf: (id: string) => Placed, direction: LayeredInput['direction']): string[] {
  const along = direction === 'right' ? ({ x }: Point) => x : ({ y }: Point) => y;
  const across = direction === 'right' ? ({ y }: Point) => y : ({ x }: Point) => x;
  const sides = new Map<string, End[]>();
  const endAt = (id: string, side: 1 | -1, towards: Point): End => {
    const box = boxOf(id);
    const end: End = { box, side, towards, at: box };
    const ends = sides.get(`${side} ${id}`) ?? [];
    sides.set(`${side} ${id}`, ends);
    ends.push(end);
    return end;
  };
  const lines = edges.map(({ from, to }, i) => {
    const bends = layout.edges[i]!.points;
    const inner = bends.length > 2 ? bends.slice(1, -1) : [{ x: (boxOf(from).x + boxOf(to).x) / 2, y: (boxOf(from).y + boxOf(to).y) / 2 }];
    // An edge of a cycle runs against the others: it leaves and arrives on the other side.
    const side = along(bends.at(-1)!) >= along(bends[0]!) ? 1 : -1;
    return { inner, start: endAt(from, side, inner[0]!), stop: endAt(to, -side as 1 | -1, inner.at(-1)!) };
  });
  for (const ends of sides.values()) {
    ends.sort((a, b) => across(a.towards) - across(b.towards));
    ends.forEach((end, i) => {
      const { x, y, width, height } = end.box;
      const share = (i + 1) / (ends.length + 1) - 0.5;
      end.at = direction === 'right' ? { x: x + (end.side * width) / 2, y: y + share * height } : { x: x + share * width, y: y + (end.side * height) / 2 };
    });
  }
  return lines.map(({ inner, start, stop }) => curve([start.at, ...inner, stop.at], direction));
}

/** A curve through all the points that is square to the layers at each of them. */
export function curve(points: readonly Point[], direction: LayeredInput['direction']): string {
  const at = (x: number, y: number): string => `${x.toFixed(1)},${y.toFixed(1)}`;
  return points
    .map(({ x, y }, i) => {
      const before = points[i - 1];
      if (!before) return `M${at(x, y)}`;
      const [middleX, middleY] = [(before.x + x) / 2, (before.y + y) / 2];
      return direction === 'right' ? `C${at(middleX, before.y)} ${at(middleX, y)} ${at(x, y)}` : `C${at(before.x, middleY)} ${at(x, middleY)} ${at(x, y)}`;
    })
    .join(' ');
}
