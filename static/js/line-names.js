// Puts the name of each line of a <ts-chart> at the line's end, where it covers no other name and no words of a mark.
const NAME_PX = 80, NAME_HIGH_PX = 14, ROW_PX = 15, EARLIER = 0.9; // of the width

// What the words of marks cover, as names are placed.
const taken = (over) => {
  const { left, top } = over.getBoundingClientRect();
  return [...over.querySelectorAll(".plot-marks text")].map((words) => {
    const box = words.getBoundingClientRect();
    return { from: box.left - left, to: box.right - left, y: box.top - top + box.height / 2 };
  }).filter(({ from, to }) => to > from);
};

export default (names, at, data) => (plot) => {
  const { clientWidth: right, clientHeight: bottom } = plot.over;
  const placed = taken(plot.over);
  const ends = names.map((name, i) => {
    const end = data[i].findLastIndex((value) => value != null);
    return { name, x: plot.valToPos(at[end], "x"), y: plot.valToPos(data[i][end], "y") };
  });
  const thin = ({ name, x }) => x < EARLIER * right && name.dataset.width < 2;
  for (const one of ends.sort((a, b) => thin(a) - thin(b) || b.x - a.x || a.y - b.y)) {
    const { name, x } = one;
    const near = placed.filter(({ from, to }) => from < x + NAME_PX && to > x);
    const hit = () => near.find(({ y }) => Math.abs(y - one.y) < NAME_HIGH_PX);
    // Without room the table alone says it; so it does of thin lines that ended earlier and whose names would move.
    const isCrowded = thin(one) && hit();
    for (let other; (other = hit()); ) one.y = other.y + ROW_PX;
    name.hidden = one.y > bottom || Boolean(isCrowded);
    if (!name.hidden) placed.push({ from: x, to: x + NAME_PX, y: one.y });
    name.style.left = `${x}px`;
    name.style.top = `${one.y}px`;
  }
};
