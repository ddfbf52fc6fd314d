// ---- what was measured by how high the camera was ----

addView('altitude', (view, given) => {
  const row = (tag, cells) => make('tr', {}, ...cells.map((cell) => make(tag, { class: 'number' }, cell)));
  for (const { measurement, unit, lines } of given) {
    view.append(make('section', { class: 'card' },
      make('header', {}, make('h2', {}, `${measurement} by altitude`)),
      make('table', { class: 'plain-table' },
        make('thead', {}, row('th', ['Metres', 'Pictures', `Median${unit ? ` (${unit})` : ''}`])),
        make('tbody', {}, ...lines.map(([metres, count, median]) => row('td', [`${metres}–${metres + 5}`, whole.format(count), number.format(median)]))))));
  }
  return () => {};
});
