// Puts the name of each line of a <ts-chart> at the line's end, where it covers no other name.
const NAME_PX = 80, NAME_HIGH_PX = 14, ROW_PX = 15, EARLIER = 0.9; // of the width

export default (names, at, data) => (plot) => {
  const { clientWidth: right, clientHeight: bottom } = plot.over;
  const placed = [];
  const ends = names.map((name, i) => {
    const end = data[i].findLastIndex((value) => value != null);
    return { name, x: plot.valToPos(at[end], "x"), y: plot.valToPos(data[i][end], "y") };
  });
  for (const one of ends.sort((a, b) => b.x - a.x || a.y - b.y)) {
    const { name, x } = one;
    const near = placed.filter((other) => Math.abs(other.x - x) < NAME_PX);
    for (let hit; (hit = near.find(({ y }) => Math.abs(y - one.y) < NAME_HIGH_PX)); ) one.y = hit.y + ROW_PX;
    // Without room the table alone says it; so it does of thin lines that ended earlier, whose names would cover others.
    name.hidden = one.y > bottom || (x < EARLIER * right && name.dataset.width < 2);
    if (!name.hidden) placed.push(one);
    name.style.left = `${x}px`;
    name.style.top = `${one.y}px`;
  }
};
