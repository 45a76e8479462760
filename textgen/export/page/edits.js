// Interventions: what a person holds fast while the network reads on.

// Return a function for `Network.read` that changes gates and states, or null if nothing is held.
//
// edits: [{kind, layer, unit, name, value}]. kind is `gate` (hold the gate `name` at a value),
//   `silence` (the output of a unit or a layer is 0) or `cell` (the memory is a value). A unit of
//   null means all units of the layer.
export function makeEdit(edits, cell, size) {
  if (!edits.length) return null;
  return (layer, part, gates, state) => {
    for (const edit of edits) {
      if (edit.layer !== layer) continue;
      if (part === "gates" && edit.kind === "gate") {
        const block = cell.gates.indexOf(edit.name);
        if (block >= 0) hold(gates, block * size, edit.unit, edit.value, size);
      } else if (part === "state" && edit.kind === "silence") {
        hold(state.hidden, 0, edit.unit, 0, size);
      } else if (part === "state" && edit.kind === "cell") {
        hold(state[cell.memory], 0, edit.unit, edit.value, size);
        const units = edit.unit === null ? [...state.hidden.keys()] : [edit.unit];
        for (const unit of units) cell.show(gates, state, size, unit);
      }
    }
  };
}

function hold(values, offset, unit, value, size) {
  if (unit === null) values.fill(value, offset, offset + size);
  else values[offset + unit] = value;
}
