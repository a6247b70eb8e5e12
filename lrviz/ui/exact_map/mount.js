// A pane outlives what Streamlit does with the page: it is made once, and moves to wherever it is mounted.

const panes = new Map();

export default function mount({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!data) return;
  const message = unpack(data);
  if (!panes.has(message.name)) panes.set(message.name, new Pane());
  const pane = panes.get(message.name);
  pane.tell = (event, value) => (event === "map" ? setStateValue : setTriggerValue)(event, value);
  if (pane.root.parentElement !== parentElement) {
    parentElement.append(pane.root);
    pane.quiet = performance.now() + 700; // the widgets of the page tell their values first
  }
  pane.receive(message);
}
