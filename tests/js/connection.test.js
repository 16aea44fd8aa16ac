// What the badge is told of how changes arrive.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection } from "../../static/js/live/connection.js";

function connected() {
  const states = [];
  const connection = new Connection({
    position: () => 0, watched: () => [], onMessage: () => false, onState: (state) => states.push(state),
  });
  return { connection, states };
}

test("a delta found by looking is late, one that was told of is not", () => {
  const { connection, states } = connected();
  connection.received({ type: "delta" });
  connection.received({ type: "delta", late: true });
  connection.received({ type: "text" });
  connection.received({ type: "delta", late: true });
  connection.received({ type: "delta" });
  connection.finish();
  assert.deepEqual(states, ["live", "late", "live", "ended"]);
});
