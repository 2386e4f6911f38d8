/** Bars under the header for referrals that cannot wait; counts beside the name of the page. */
import { getChanged, t } from "/static/api.js";
import { attend } from "/static/alert_signal.js";
import { contactLine } from "/static/calls.js";
import { debounce, duration, every, fill, h } from "/static/dom.js";
import { personLine } from "/static/parts.js";

const SECONDS = 15;
const HIDDEN_SECONDS = 60;
const ACTED_MS = 300;

/** Keep an area filled; a new one is heard. `oncount` is told how much waits for us. */
export function watchReferrals(area, oncount) {
  let heard = null;
  let mark = "";
  const refresh = async () => {
    try {
      const changed = await getChanged("/referrals/waiting", mark);
      if (!changed) return;
      mark = changed.mark || "";
      const { items, my_turn: mine, due } = changed.body;
      const keys = items.map((item) => item.key);
      if (heard && keys.some((one) => !heard.has(one))) attend();
      heard = new Set([...(heard || []), ...keys]);
      fill(area, items.map(bar));
      oncount(mine + due);
    } catch (error) {
      if (error.name !== "ApiError" && error.name !== "SignedOut") throw error; // the other bars say that the line is down
    }
  };
  every(SECONDS, refresh, { hidden: HIDDEN_SECONDS });
  window.addEventListener("qp-acted", debounce(refresh, ACTED_MS));
}

function bar(item) {
  const isLate = item.waits.level > 0;
  return h("div", { class: `qp-alert qp-alert-referral ${item.urgency === "emergency" ? "qp-alert-ai_alarm" : ""}`, dataset: { testid: "alert-referral" } },
    h("div", { class: "qp-alert-what" }, h("p", { class: "qp-alert-who" }, h("span", { class: "qp-alert-kind" }, t("ui.referral.alert")), h("a", { class: "qp-alert-case", href: `/referrals?referral=${encodeURIComponent(item.id)}` }, personLine(item.patient)), h("span", {}, item.from.name)),
      h("p", { class: "qp-alert-text" }, [item.urgency_text, item.reasons.map((one) => one.text).join(t("list.semicolon"))].filter(Boolean).join(" · "))),
    h("div", { class: "qp-alert-do" }, h("span", { class: "qp-alert-now" }, isLate ? t("ui.referral.alert_late", { stage: item.waits.stage_text, time: duration(item.waits.minutes) }) : t("ui.referral.alert_new")), contactLine(item.contact, item.from)));
}
