/** Badges and lines of a referral that lists and pages show the same way. */
import { t } from "/static/api.js";
import { duration, h } from "/static/dom.js";

/** How urgent, as a badge. */
export const urgencyMark = (row) => h("span", { class: `qp-badge qp-ref-${row.urgency}` }, row.urgency_text);

/** Where it stands, as a badge. */
export const stateMark = (row) => h("span", { class: `qp-badge qp-ref-state-${row.state}`, dataset: { testid: "referral-state", state: row.state } }, row.state_text);

/** `等待答复 12 分钟(应在 10 分钟内)`; older is louder. Null once it has ended. */
export function waitMark(row) {
  if (!row.waits) return null;
  const { minutes, limit_minutes: limit, level, stage_text: stage, level_text: late } = row.waits;
  return h("span", { class: `qp-badge qp-ref-level-${level}`, dataset: { testid: "referral-wait", level } },
    t("ui.referral.wait", { stage, time: duration(minutes), limit: limitText(limit) }), level ? ` · ${late}` : "");
}

/** `5 分钟`, `1 小时`, `3 天`: limits are round. */
function limitText(minutes) {
  if (minutes % 1440 === 0) return t("ui.time.days", { n: minutes / 1440 });
  return minutes % 60 === 0 ? t("ui.referral.hours", { n: minutes / 60 }) : duration(minutes);
}

export const reasonsText = (row) => row.reasons.map((one) => one.text).join(t("list.semicolon")) || t("ui.referral.no_reason");

/** `和平镇卫生院 → 县人民医院 · 急诊科`. */
export function routeText(row) {
  const isDown = row.direction === "down" || row.state === "referred_down";
  const [from, to] = isDown ? [row.target, row.home] : [row.from, row.target];
  return `${from.name} → ${to.name}${!isDown && row.department_text ? ` · ${row.department_text}` : ""}`;
}
