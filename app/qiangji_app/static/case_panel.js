/** A case as its own site sees it, in a dialog: states, hints, calls, messages, withdrawal. */
import { post, t } from "/static/api.js";
import { askReason, button, dialog, fill, guarded, h, toast } from "/static/dom.js";
import { callList } from "/static/calls.js";
import { aiBox, alarm, gateCards, loadCase, messageThread, personLine, placeholder, reasonList, requestBox, siblingLines, stateBadge, timeline, urgencyBadge } from "/static/parts.js";
import { findingsOf, look } from "/static/capture_items.js";

/** Open the panel; `onedit(view)` takes a draft or returned case up, `onchange()` after any act. */
export async function openCasePanel(id, { onedit = null, onchange = () => {} } = {}) {
  const body = h("div", { class: "qp-case-panel" }, placeholder("loading", t("ui.common.loading")));
  const closed = dialog({ title: t("ui.case.title"), body, wide: true, testid: "case-panel" });
  const draw = async () => {
    const view = await loadCase(id);
    fill(body, ...sections(view, async () => { await draw(); onchange(); }, onedit));
  };
  await guarded(draw);
  await closed;
}

function sections(view, after, onedit) {
  return [
    h("header", { class: "qp-case-head" }, personLine(view.patient), h("span", { class: "qp-fine" }, view.short_id), stateBadge(view.state), urgencyBadge(view.urgency),
      h("span", { class: "qp-grow" }), actions(view, after, onedit)),
    ...siblingLines(view), alarm(view, { after }), callList(view, after), reasonList(view.urgency),
    ...view.recordings.map((one) => h("article", { class: "qp-item qp-item-stored" },
      h("div", { class: "qp-item-head" }, h("b", { class: "qp-file" }, one.file_name), one.kind ? button(t("ui.capture.look"), () => look(view, one), { kind: "quiet" }) : null),
      gateCards(one), aiBox(one, findingsOf(view, one)))),
    requestBox(view), h("h3", {}, t("ui.message.title")), messageThread(view, after), timeline(view),
  ];
}

function actions(view, after, onedit) {
  const can = view.permissions;
  return h("span", { class: "qp-row" },
    can.edit && onedit ? button(t("ui.case.take_up"), async () => { closeDialog(); await onedit(view); }, { kind: "primary" }) : null,
    view.report_version ? h("a", { class: "qp-btn qp-btn-primary", href: `/results?case=${encodeURIComponent(view.id)}` }, t("ui.case.open_result")) : null,
    can.withdraw ? button(t("ui.case.withdraw"), async () => {
      const reason = await askReason({ title: t("ui.case.withdraw"), intro: t("ui.case.withdraw_text"), yes: t("ui.case.withdraw"), kind: "danger" });
      if (reason === null) return;
      await post(`/cases/${view.id}/withdraw`, { reason });
      toast(t("ui.case.withdrawn"));
      await after();
    }, { kind: "quiet" }) : null);
}

function closeDialog() {
  const open = document.querySelector("dialog[open]");
  if (open) open.close();
}

