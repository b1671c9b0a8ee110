import { z } from 'zod';

/** A row of a table of keys. */
interface KeyRow {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly description: string;
}

/**
 * Writes the keys of a schema as a Markdown table, so that the documentation and the check are one thing.
 *
 * @param schema an object schema whose keys carry descriptions
 */
export function describeSchema(schema: z.ZodType): string {
  const rows = rowsOf(nodeSchema.parse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })), '');
  const lines = rows.map(
    ({ path, type, fallback, description }) => `| \`${path}\` | ${type} | ${fallback} | ${description} |`,
  );
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...lines, ''].join('\n');
}

interface Node {
  readonly type?: string | readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly properties?: Readonly<Record<string, Node>> | undefined;
  readonly items?: Node | boolean | undefined;
  readonly additionalProperties?: Node | boolean | undefined;
  readonly prefixItems?: readonly Node[] | undefined;
  readonly anyOf?: readonly Node[] | undefined;
  readonly oneOf?: readonly Node[] | undefined;
}

const nodeSchema: z.ZodType<Node> = z.lazy(() =>
  z.object({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    description: z.string().optional(),
    default: z.unknown().optional(),
    const: z.unknown().optional(),
    enum: z.array(z.unknown()).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    exclusiveMinimum: z.number().optional(),
    properties: z.record(z.string(), nodeSchema).optional(),
    items: z.union([z.boolean(), nodeSchema]).optional(),
    additionalProperties: z.union([z.boolean(), nodeSchema]).optional(),
    prefixItems: z.array(nodeSchema).optional(),
    anyOf: z.array(nodeSchema).optional(),
    oneOf: z.array(nodeSchema).optional(),
  }),
);

function rowsOf(node: Node, prefix: string): readonly KeyRow[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const path = `${prefix}${key}`;
    const row = {
      path,
      type: typeOf(child),
      fallback: child.default === undefined ? '' : `\`${JSON.stringify(child.default)}\``,
      description: (child.description ?? inner(child)?.description ?? '').replaceAll('|', '\\|'),
    };
    if (child.oneOf !== undefined) return [row, ...child.oneOf.flatMap((option) => optionRows(option, path))];
    const nested = inner(child);
    return [row, ...(nested === undefined ? [] : rowsOf(nested.node, `${path}${nested.suffix}.`))];
  });
}

/** One of several sorts of object, told apart by their `type`: its other keys. */
function optionRows({ properties = {} }: Node, path: string): readonly KeyRow[] {
  const { type, ...others } = properties;
  const sort = `${path} (${String(type?.const)})`;
  const row = {
    path: `${path}.type`,
    type: `\`${String(type?.const)}\``,
    fallback: '',
    description: type?.description ?? '',
  };
  return [row, ...rowsOf({ properties: others }, `${sort}.`)];
}

/** The object that a key leads to, through arrays and `or null`. */
function inner(
  node: Node,
): { readonly node: Node; readonly suffix: string; readonly description: string | undefined } | undefined {
  if (node.properties !== undefined && Object.keys(node.properties).length > 0) {
    return { node, suffix: '', description: node.description };
  }
  if (isNode(node.additionalProperties)) {
    const found = inner(node.additionalProperties);
    return found && { ...found, suffix: `.<name>${found.suffix}` };
  }
  if (isNode(node.items)) {
    const found = inner(node.items);
    return found && { ...found, suffix: `[]${found.suffix}` };
  }
  const [option] = (node.anyOf ?? []).flatMap((alternative) => inner(alternative) ?? []);
  return option;
}

function isNode(value: Node | boolean | undefined): value is Node {
  return typeof value === 'object';
}

function typeOf(node: Node): string {
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.oneOf !== undefined) return 'object';
  if (node.anyOf !== undefined) return node.anyOf.map(typeOf).join(' or ');
  if (node.prefixItems !== undefined) return `[${node.prefixItems.map(typeOf).join(', ')}]`;
  if (isNode(node.items)) return `list of ${typeOf(node.items)}`;
  const types = typeof node.type === 'string' ? [node.type] : (node.type ?? ['any']);
  return `${types.join(' or ')}${rangeOf(node)}`;
}

function rangeOf({ minimum, maximum, exclusiveMinimum }: Node): string {
  const least = minimum === undefined ? '' : ` >= ${minimum}`;
  const above = exclusiveMinimum === undefined ? '' : ` > ${exclusiveMinimum}`;
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : ` <= ${maximum}`;
  return `${minimum !== undefined && minimum <= Number.MIN_SAFE_INTEGER ? '' : least}${above}${most}`;
}
