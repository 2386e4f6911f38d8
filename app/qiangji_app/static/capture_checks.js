/** What is wrong with a typed request form, field by field; the server checks again. */
import { t } from "/static/api.js";
import { readIdNumber } from "/static/id_number.js";

const EARLIEST_BIRTH = "1880-01-01"; // as the server: nobody born before is alive
const OLDEST_YEARS = 130;
const AGE_TOLERANCE_YEARS = 1.5; // as the server compares a stated age with a birth date
const DAYS_A_YEAR = 365.2425; // mean Gregorian year, as DICOM ages in days are turned into years

/** Years in one unit of age. */
export const AGE_UNITS = { years: 1, months: 1 / 12, days: 1 / DAYS_A_YEAR };

/** Stated age in years, null when none is stated. */
export function ageInYears({ age_years: age, age_unit: unit }) {
  return age === "" ? null : Number(age) * AGE_UNITS[unit];
}

/** True where a stated age cannot be that of an identity number. */
export function ageContradicts(values, facts, today = new Date()) {
  const years = ageInYears(values);
  const reckoned = (today - new Date(`${facts.birth_date}T00:00:00`)) / 86400000 / DAYS_A_YEAR;
  return years !== null && Math.abs(years - reckoned) > AGE_TOLERANCE_YEARS;
}

/** A stated age in years as number and unit of the form: whole months or days below two years. */
export function ageAsTyped(years) {
  if (years === null || years === undefined) return { age_years: "", age_unit: "years" };
  if (years >= 2) return { age_years: String(Math.round(years * 100) / 100), age_unit: "years" };
  const months = Math.round(years * 12 * 100) / 100;
  if (months >= 1) return { age_years: String(months), age_unit: "months" };
  return { age_years: String(Math.round(years * DAYS_A_YEAR)), age_unit: "days" };
}

/** Age of a birth date today as number and unit; null for an impossible date. */
export function ageFrom(birthDate, today = new Date()) {
  const born = new Date(`${birthDate}T00:00:00`);
  if (Number.isNaN(born.getTime()) || born > today) return null;
  const months = 12 * (today.getFullYear() - born.getFullYear()) + today.getMonth() - born.getMonth() - (today.getDate() < born.getDate() ? 1 : 0);
  if (months >= 24) return { age_years: String(Math.floor(months / 12)), age_unit: "years" };
  if (months >= 1) return { age_years: String(months), age_unit: "months" };
  return { age_years: String(Math.floor((today - born) / 86400000)), age_unit: "days" };
}

/**
 * Text by field. `typing` names the field that has the focus: what is only unfinished there is
 * not wrong yet. `bad` names fields whose words are no number, day or moment.
 */
export function problemsOf(values, { typing = "", bad = [], today = new Date() } = {}) {
  const found = {};
  const facts = checkNumber(values, typing, found);
  checkBirth(values, facts, found, { typing, bad, today });
  if (facts && values.sex && values.sex !== facts.sex) found.sex = t("ui.form.sex_differs", { sex: t(`ui.sex.${facts.sex}`) });
  checkAge(values, facts, found, { bad, today });
  if (bad.includes("onset_at") && typing !== "onset_at") found.onset_at = t("ui.form.onset_unreadable");
  return found;
}

function checkNumber(values, typing, found) {
  const number = values.kind === "known" ? values.id_number.trim() : "";
  if (!number) return null;
  const facts = readIdNumber(number);
  if (facts) return facts;
  if (number.length >= 18) found.id_number = t("ui.form.id_number_wrong");
  else if (typing !== "id_number") found.id_number = t("ui.form.id_number_short", { n: number.length });
  return null;
}

function checkBirth(values, facts, found, { typing, bad, today }) {
  const born = values.birth_date;
  if (bad.includes("birth_date") && typing !== "birth_date") found.birth_date = t("ui.form.birth_unreadable");
  if (!born) return;
  const last = new Date(today.getTime() - today.getTimezoneOffset() * 60000).toISOString().slice(0, 10);
  if (born > last || (born < EARLIEST_BIRTH && typing !== "birth_date")) found.birth_date = t("ui.form.birth_impossible");
  else if (facts && facts.birth_date !== born) found.birth_date = t("ui.form.birth_differs", { day: facts.birth_date });
}

function checkAge(values, facts, found, { bad, today }) {
  if (values.birth_date) return;
  const years = ageInYears(values);
  if (bad.includes("age_years") || Number.isNaN(years)) found.age_years = t("ui.form.age_unreadable");
  else if (years !== null && (years < 0 || years > OLDEST_YEARS)) found.age_years = t("ui.form.age_impossible");
  else if (years !== null && years < 1 && values.age_unit === "years") found.age_years = t("ui.form.age_infant");
  else if (facts && ageContradicts(values, facts, today)) found.age_years = t("ui.form.age_differs", { day: facts.birth_date });
}
