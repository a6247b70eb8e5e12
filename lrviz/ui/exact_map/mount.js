// A pane outlives what Streamlit does with the page: it is made once, and moves to wherever it is mounted.

const panes = new Map();

export default function mount({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!data) return;
  const message = unpack(data);
  if (!panes.has(message.name)) panes.set(message.name, new Pane());
  const pane = panes.get(message.name);
  pane.tell = (event, value) => (event === "map" ? setStateValue : setTriggerValue)(event, value);
  pane.stand(parentElement);
  pane.receive(message);
  return () => requestAnimationFrame(() => pane.stand());
}
