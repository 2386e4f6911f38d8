/** Resident identity number at the desk, checked while typing and without the link. */

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]; // GB 11643-1999, ISO 7064 MOD 11-2
const CHECKS = "10X98765432";

/** {birth_date, sex} of a valid number, else null. The server checks again. */
export function readIdNumber(text, today = new Date()) {
  const number = text.trim().toUpperCase();
  if (!/^\d{17}[\dX]$/.test(number)) return null;
  const total = WEIGHTS.reduce((sum, weight, i) => sum + weight * Number(number[i]), 0);
  if (CHECKS[total % 11] !== number[17]) return null;
  const iso = `${number.slice(6, 10)}-${number.slice(10, 12)}-${number.slice(12, 14)}`;
  const born = new Date(`${iso}T00:00:00Z`);
  if (Number.isNaN(born.getTime()) || born.toISOString().slice(0, 10) !== iso || born > today) return null;
  return { birth_date: iso, sex: Number(number[16]) % 2 ? "M" : "F" };
}
