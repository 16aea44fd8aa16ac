// The order of a merge's branches: each merge above the parts that it reads. The twin of
// presenters/run_order.py: both are tested on order.json.

export function levelsAbove(children, parts) {
  let levels = 0;
  for (let width = 1; width < children; width *= parts) levels += 1;
  return levels;
}

// The way from the last merge down to the branch; a merge stands before its parts.
export function pathOf(row, parts, levels) {
  const below = row.role === "merge" ? row.level : 0;
  const path = [];
  for (let step = levels - below; step >= 0; step -= 1) path.push(Math.floor(row.index / parts ** step));
  return path;
}

export function ordered(rows, parts, children) {
  const levels = levelsAbove(children, parts);
  const paths = new Map(rows.map((row) => [row.number, pathOf(row, parts, levels)]));
  const numbers = rows.map((row) => row.number).sort((a, b) => compare(paths.get(a), paths.get(b)));
  return { numbers, paths, depths: new Map([...paths].map(([number, path]) => [number, path.length - 1])) };
}

function compare(a, b) {
  for (let n = 0; n < Math.min(a.length, b.length); n += 1) {
    if (a[n] !== b[n]) return a[n] - b[n];
  }
  return a.length - b.length;
}
