// ---- layout: what recurs over time, as the metadata tell it or as one chooses -------------------------

/** Terms of which most values are there at more than one date: each may be what recurs. */
function recurring(time) {
  const recurs = (column) => {
    const first = new Map();
    const again = new Set();
    column.values.forEach((value, row) => {
      const at = time.values[row];
      if (value === null || at === null) return;
      if (!first.has(value)) first.set(value, at); else if (first.get(value) !== at) again.add(value);
    });
    return first.size > 1 && again.size * 2 >= first.size;
  };
  // where no subject was found, a treatment is none either
  const apart = data.design.subject.length ? [] : data.design.factors;
  return ofKind('term').filter((column) => column !== time && column.type !== 'time' && !apart.includes(column.key) && recurs(column));
}

/** Whether something recurs over time at this level, and was measured. */
const hasGrowth = () => measurements().length > 0 && (data.design.subject.length > 0 || timeAxes().some((time) => recurring(time).length > 0));

const choosable = (time) => ofKind('term').filter((column) => column !== time && column.type !== 'time' && distinct(column).length > 1);

/** The layout that the Growth view goes by: that of the data, or one with the subject and the time axis that were chosen. */
function layout() {
  const time = columns.get(choice('growth.time')) ?? columns.get(data.design.time) ?? timeAxes().find((axis) => recurring(axis).length);
  let subject = [choice('growth.line'), choice('growth.and')].map((key) => columns.get(key)).filter(Boolean);
  if (!choice('growth.line')) subject = data.design.subject.map((key) => columns.get(key));
  if (!subject.length) subject = recurring(time).slice(0, 1);
  const key = JSON.stringify([time.key, ...subject.map((column) => column.key)]);
  if (key === JSON.stringify([data.design.time, ...data.design.subject])) return data.design;
  if (data.layout?.key !== key) data.layout = chosenLayout(key, time, subject);
  return data.layout;
}

function chosenLayout(key, time, subject) {
  const parts = [...subject, ...data.design.views.map((name) => columns.get(name)).filter((column) => !subject.includes(column))];
  const codes = new Map();
  const subjects = data.ids.map((_, row) => {
    const values = parts.map((column) => column.values[row]);
    if (values.includes(null)) return null;
    const name = JSON.stringify(values);
    if (!codes.has(name)) codes.set(name, codes.size);
    return codes.get(name);
  });
  const daily = time.type === 'time' && ((time.key === data.design.time && data.design.daily) || onceADay(time, subjects));
  const steps = time.values.map((value) => (daily && value !== null ? Math.floor(value / DAY) * DAY : value));
  return { ...data.design, key, time: time.key, daily, steps, subject: subject.map((column) => column.key), subjects };
}

/** Whether times of one day are one date: there are several days, and most subjects are there once a day. */
function onceADay(time, subjects) {
  const seen = new Map();
  time.values.forEach((value, row) => {
    if (value === null || subjects[row] === null) return;
    const day = `${subjects[row]} ${Math.floor(value / DAY)}`;
    if (!seen.has(day)) seen.set(day, new Set());
    seen.get(day).add(value);
  });
  const days = new Set(distinct(time).map((value) => Math.floor(value / DAY)));
  return days.size > 1 && days.size < distinct(time).length && [...seen.values()].filter((times) => times.size > 1).length * 2 < seen.size;
}

/** Terms that sort subjects into groups: the same at all of their dates. */
function factorsOf({ subjects, subject }) {
  const constant = (column) => {
    const seen = new Map();
    return column.values.every((value, row) => {
      const code = subjects[row];
      if (value === null || code === null) return true;
      if (!seen.has(code)) seen.set(code, value);
      return seen.get(code) === value;
    });
  };
  return groupings().filter((column) => (subject.length > 1 || column.key !== subject[0]) && constant(column));
}
