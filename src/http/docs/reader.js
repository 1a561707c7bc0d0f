// Shows /api/openapi.json as a page: groups by tag, opens by click, nothing is loaded from elsewhere.
const make = (name, text, ...children) => {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
};

function parameters(list) {
  const table = make('table', '', make('tr', '', make('th', 'parameter'), make('th', 'in'), make('th', 'type'), make('th', '')));
  for (const one of list) {
    const type = one.schema?.type ?? '';
    const name = make('td', '', make('code', one.name + (one.required ? ' *' : '')));
    table.append(make('tr', '', name, make('td', one.in), make('td', String(type)), make('td', one.description ?? '')));
  }
  return table;
}

function operation(path, method, op) {
  const heading = make('summary', '', make('span', method), make('code', path), make('span', '  ' + (op.summary ?? '')));
  heading.firstChild.className = 'method';
  const box = make('details', '', heading);
  if (op.description) box.append(make('p', op.description));
  if (op.parameters?.length) box.append(parameters(op.parameters));
  for (const [media, body] of Object.entries(op.requestBody?.content ?? {})) {
    box.append(make('p', `body: ${media}`), make('pre', JSON.stringify(body.schema ?? {}, null, 2)));
  }
  for (const [status, answer] of Object.entries(op.responses ?? {})) {
    const media = Object.keys(answer.content ?? {}).join(', ');
    box.append(make('p', `${status}  ${answer.description ?? ''}  ${media}`));
  }
  return box;
}

const answer = await fetch('/api/openapi.json');
const document_ = await answer.json();
const list = document.getElementById('list');
list.textContent = '';
document.getElementById('about').textContent = document_.info.description ?? '';
const groups = new Map();
for (const [path, methods] of Object.entries(document_.paths)) {
  for (const [method, op] of Object.entries(methods)) {
    if (!op.responses) continue;
    const tag = op.tags?.[0] ?? 'other';
    if (!groups.has(tag)) groups.set(tag, [make('h2', tag)]);
    groups.get(tag).push(operation(path, method, op));
  }
}
for (const nodes of groups.values()) list.append(...nodes);
list.append(make('h2', 'schemas'));
for (const [name, schema] of Object.entries(document_.components?.schemas ?? {})) {
  list.append(make('details', '', make('summary', name), make('pre', JSON.stringify(schema, null, 2))));
}
