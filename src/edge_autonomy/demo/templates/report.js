// Moving over a chart shows that moment in every chart and on the map.
const replay = JSON.parse(document.getElementById("replay").textContent);
const robot = document.getElementById("robot-now");
const readout = document.getElementById("readout");
const cursors = document.querySelectorAll(".cursor");

function nearest(rows, time) {
  let low = 0, high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] < time) low = middle + 1; else high = middle;
  }
  return rows[low];
}

function show(time) {
  const { left, right, width, end } = replay.axis;
  const x = left + (time / end) * (width - left - right);
  for (const cursor of cursors) {
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.style.visibility = "visible";
  }
  const sample = nearest(replay.samples, time);
  if (!sample) return;
  const [, px, py, heading, speed] = sample;
  robot.setAttribute("transform", `translate(${px} ${py}) rotate(${heading}) scale(1.6)`);
  robot.style.visibility = "visible";
  const clearance = nearest(replay.clearances, time);
  readout.textContent = `${time.toFixed(1)} s   ${speed.toFixed(2)} m/s` +
    (clearance ? `   clearance ${clearance[1].toFixed(2)} m` : "");
}

for (const chart of document.querySelectorAll(".chart")) {
  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const { left, right, width, end } = replay.axis;
    const x = (event.clientX - box.left) / box.width * width;
    const time = (x - left) / (width - left - right) * end;
    show(Math.min(Math.max(time, 0), end));
  });
}
