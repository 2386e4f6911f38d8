/** Trends as plots in SVG: one picture a kind of value, drawn from numbers, readable without colour. */
import { t } from "/static/api.js";
import { h, when } from "/static/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [520, 190, 44, 12, 14, 26];
/** Values that are drawn in one picture. */
const GROUPS = [["systolic_bp", "diastolic_bp"], ["glucose"], ["hba1c"], ["weight"], ["heart_rate"]];

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** A picture for each group that has a value. */
export function trendPlots(series) {
  const pictures = GROUPS.map((codes) => codes.map((code) => series.find((one) => one.code === code)).filter(Boolean)).filter((group) => group.length);
  return pictures.length ? h("div", { class: "qp-trends" }, pictures.map(picture)) : h("p", { class: "qp-muted" }, t("ui.trend.none"));
}

function picture(group) {
  const points = group.flatMap((one) => one.points);
  const times = points.map((one) => Date.parse(one.at));
  const values = points.map((one) => one.value);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const [low, high] = bounds(Math.min(...values), Math.max(...values));
  const x = (at) => LEFT + (last === first ? 0.5 : (Date.parse(at) - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const title = group.map((one) => one.name).join(" / ");
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": describe(group), class: "qp-trend" });
  for (const tick of ticks(low, high)) drawing.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick), class: "qp-trend-grid" }), label(LEFT - 6, y(tick) + 4, tick, "end"));
  drawing.append(label(LEFT, HEIGHT - 6, when(new Date(first).toISOString(), { day: true }), "start"));
  if (last > first) drawing.append(label(WIDTH - RIGHT, HEIGHT - 6, when(new Date(last).toISOString(), { day: true }), "end"));
  group.forEach((one, index) => drawing.append(...lineOf(one, index, x, y)));
  return h("figure", { dataset: { testid: `trend-${group[0].code}` } }, h("figcaption", {}, `${title} (${group[0].unit})`), drawing);
}

function lineOf(one, index, x, y) {
  const path = one.points.map((point, at) => `${at ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");
  const dots = one.points.map((point) => {
    const mark = index ? svg("rect", { x: x(point.at) - 3.5, y: y(point.value) - 3.5, width: 7, height: 7, class: `qp-trend-dot qp-trend-${index}` }) : svg("circle", { cx: x(point.at), cy: y(point.value), r: 4, class: "qp-trend-dot qp-trend-0" });
    mark.append(svg("title", {}, document.createTextNode(`${when(point.at)} ${one.name} ${point.text} ${point.context.join(" ")}`)));
    return mark;
  });
  return [svg("path", { d: path, class: `qp-trend-line qp-trend-${index}` }), ...dots];
}

const label = (x, y, text, anchor) => svg("text", { x, y, "text-anchor": anchor, class: "qp-trend-text" }, document.createTextNode(String(text)));

/** Room above and below, so that a flat line stays in the middle. */
function bounds(low, high) {
  const room = Math.max((high - low) * 0.15, Math.abs(high) * 0.05, 0.5);
  return [low - room, high + room];
}

function ticks(low, high) {
  const raw = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(Number(at.toPrecision(6)));
  return found;
}

function describe(group) {
  return group.map((one) => `${one.name}${t("list.colon")}${one.points.map((point) => `${when(point.at, { day: true })} ${point.text}`).join(t("list.semicolon"))}`).join(" ");
}
