import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { packageFolder } from '../src/cli/package-info.js';

/** Every export of src/index.ts with its type, one to a line, in alphabetical order. */
function describeExports(): string {
  const root = packageFolder();
  const file = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(file.config, ts.sys, root);
  const entry = join(root, 'src/index.ts');
  const program = ts.createProgram([entry], { ...options, noEmit: true, incremental: false });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!);
  const lines = checker.getExportsOfModule(module!).map((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const isValue = (target.flags & ts.SymbolFlags.Value) !== 0;
    const type = isValue ? checker.getTypeOfSymbol(target) : checker.getDeclaredTypeOfSymbol(target);
    return `${isValue ? 'value' : 'type '} ${symbol.name}: ${describeType(checker, type, isValue)}`;
  });
  return `${lines.sort().join('\n')}\n`;
}

function describeType(checker: ts.TypeChecker, type: ts.Type, isValue: boolean): string {
  const flags = ts.TypeFormatFlags.NoTruncation;
  if (isValue) return checker.typeToString(type, undefined, flags);
  if (type.isUnion()) return type.types.map((part) => checker.typeToString(part, undefined, flags)).join(' | ');
  const members = type.getProperties().map((property) => {
    const optional = (property.flags & ts.SymbolFlags.Optional) !== 0 ? '?' : '';
    return `${property.name}${optional}: ${checker.typeToString(checker.getTypeOfSymbol(property), undefined, flags)}`;
  });
  return type.flags & ts.TypeFlags.Object ? `{ ${members.join('; ')} }` : checker.typeToString(type, undefined, flags);
}

test('the public API is the one in docs/api-snapshot.txt (npm run docs writes it anew)', async () => {
  await expect(describeExports()).toMatchFileSnapshot(join(packageFolder(), 'docs/api-snapshot.txt'));
});
