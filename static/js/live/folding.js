// Which lines of a merge's order are folded away. Pure: knows paths, draws nothing.

// The numbers to show: what stands below a folded merge is left out.
export function unfolded({ numbers, paths }, folded) {
  let under = null;
  return numbers.filter((number) => {
    const path = paths.get(number);
    if (under && isBelow(path, under)) return false;
    under = folded.has(number) ? path : null;
    return true;
  });
}

// The folded merges that hide a branch.
export function hiding(number, { paths }, folded) {
  const path = paths.get(number);
  return path ? [...folded].filter((merge) => isBelow(path, paths.get(merge))) : [];
}

function isBelow(path, other) {
  return other !== undefined && path.length > other.length && other.every((step, n) => step === path[n]);
}
