"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const template = () => {
    const ink = dark.matches ? "#c9d1dc" : "#39424f";
    const grid = dark.matches ? "#2d3642" : "#e6e9ee";
    const card = dark.matches ? "#232b36" : "#ffffff";
    const axis = {
      gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true,
      title: { standoff: 10, font: { size: 12 } },
    };
    return {
      layout: {
        font: { color: ink, size: 12, family: "system-ui, sans-serif" },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: axis, yaxis: axis,
        hoverlabel: { bgcolor: card, bordercolor: grid, font: { color: ink, size: 12 }, align: "left" },
        separators: ".,",
      },
    };
  };

  const draw = (chart) => {
    const target = document.getElementById(chart.id);
    const width = target.clientWidth;
    const narrow = width < 520;
    const layout = {
      ...chart.layout,
      template: template(),
      width,
      height: chart.height,
      margin: { l: narrow ? 48 : 68, r: narrow ? 8 : 20, t: 12, b: 46 },
      legend: {
        orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom",
        ...chart.layout.legend,
      },
      dragmode: narrow ? false : "zoom",
    };
    Plotly.react(target, chart.data, layout, {
      responsive: true,
      displayModeBar: false,
    });
  };

  const byId = new Map(charts.map((chart) => [chart.id, chart]));
  const widths = new Map();
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (widths.get(target.id) === target.clientWidth) continue;
      widths.set(target.id, target.clientWidth);
      draw(byId.get(target.id));
    }
  });
  byId.forEach((_, id) => resized.observe(document.getElementById(id)));
  dark.addEventListener("change", () => charts.forEach(draw));

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  const sort = (table, heading) => {
    const column = heading.cellIndex;
    const way = heading.ariaSort === "ascending" ? -1 : 1;
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    heading.ariaSort = way === 1 ? "ascending" : "descending";
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => way * compare(value(a, column), value(b, column)));
    body.append(...rows);
  };

  document.querySelectorAll("table.sortable").forEach((table) => {
    table.querySelectorAll("thead th").forEach((heading) => {
      heading.tabIndex = 0;
      heading.addEventListener("click", () => sort(table, heading));
      heading.addEventListener("keydown", (event) => {
        if (event.key === "Enter") sort(table, heading);
      });
    });
  });
})();
