/** Report templates of the server, read once a page and modality. */
import { get, language, query } from "/static/api.js";

const read = new Map();

/** Templates of a modality: [{id, name, fields: [{id, name, default, phrases}], impressions, advice}]. */
export function templatesOf(modality) {
  if (!read.has(modality)) read.set(modality, get(query("/templates", { modality, lang: language() })));
  return read.get(modality);
}

/** Templates for every kind of examination that a case holds. */
export async function templatesFor(modalities) {
  return (await Promise.all(modalities.map(templatesOf))).flat();
}

/** Names of a template's fields by id; empty when the template is no longer known. */
export async function fieldNames(modalities, templateId) {
  const found = (await templatesFor(modalities)).find((one) => one.id === templateId);
  return Object.fromEntries(found ? found.fields.map((field) => [field.id, field.name]) : []);
}
