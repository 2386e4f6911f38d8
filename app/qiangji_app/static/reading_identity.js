/** Form and file name different people: said at the top of a case, with the desk's reason. */
import { post, t } from "/static/api.js";
import { button, h } from "/static/dom.js";
import { askIdentity, differenceLine } from "/static/identity_reasons.js";
import { known } from "/static/parts.js";

/** Mark of a worklist row; null where nothing differs. */
export const mismatchMark = (row) => (row.has_mismatch ? h("span", { class: "qp-badge qp-differs-mark", dataset: { testid: "mismatch-mark" } }, t("ui.identity.mark")) : null);

/** What differs and why it was sent all the same; null where nothing differs. `after` redraws the case. */
export function identityWarning(view, after) {
  const found = view.differences || [];
  if (!found.length) return null;
  const open = found.some((one) => !one.is_answered);
  return h("section", { class: "qp-differs", role: "alert", dataset: { testid: "identity-warning" } },
    h("b", {}, t("ui.identity.title")),
    h("ul", {}, distinct(found).map((one) => h("li", {}, h("b", {}, known("ui.form", one.field)), " ", differenceLine(one)))),
    h("p", {}, view.identity_reason ? t("ui.identity.reason", { reason: view.identity_reason }) : t("ui.identity.no_reason")),
    open && view.identity_reason ? h("p", {}, t("ui.identity.open")) : null,
    open && view.permissions.confirm_identity ? button(t("ui.identity.confirm"), () => confirm(view, after), { testid: "confirm-identity" }) : null);
}

/** Several files of one patient say the same thing: once is enough. */
function distinct(found) {
  return [...new Map(found.map((one) => [`${one.field}|${one.other_file}|${one.in_form}|${one.in_file}`, one])).values()];
}

async function confirm(view, after) {
  const open = view.differences.filter((one) => !one.is_answered);
  const given = await askIdentity([...new Set(open.map((one) => one.field))], open, t("ui.identity.confirm"));
  if (given === null) return;
  await post(`/cases/${view.id}/identity`, given);
  await after();
}
