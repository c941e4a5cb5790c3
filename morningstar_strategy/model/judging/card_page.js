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
    Plotly.react(target, chart.data, {
      ...chart.layout,
      template: template(),
      width,
      height: chart.height,
      margin: { l: narrow ? 48 : 68, r: narrow ? 8 : 20, t: 12, b: 46 },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      dragmode: narrow ? false : "zoom",
    }, { responsive: true, displayModeBar: false });
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
})();
