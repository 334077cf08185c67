/** A table without a medium: a page, Markdown, CSV and a terminal each write it their own way. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly TableCell[])[];
}

export interface Column {
  readonly title: string;
  /** Empty: words, or a number without unit. */
  readonly unit: string;
  readonly align: 'left' | 'right';
}

/** `value` is what is sorted by and written to CSV, unrounded; `text` is what people read. */
export interface TableCell {
  readonly value: string | number | null;
  readonly text: string;
  /** A file beside the result; where a page is made of it, a link. */
  readonly file?: string;
}

export const NOT_MEASURED = '\u2013';

export function words(title: string): Column {
  return { title, unit: '', align: 'left' };
}

export function figures(title: string, unit = ''): Column {
  return { title, unit, align: 'right' };
}

export function word(value: string): TableCell {
  return { value, text: value };
}

export function figure(value: number | null, text: (value: number) => string): TableCell {
  return { value, text: value === null ? NOT_MEASURED : text(value) };
}

export function headOf({ title, unit }: Column): string {
  return unit === '' ? title : `${title} (${unit})`;
}

/** RFC 4180, with a header line. */
export function tableCsv(table: Table): string {
  const head = csvLine(table.columns.map(headOf));
  return head + table.rows.map((row) => csvLine(row.map(({ value }) => value))).join('');
}

export function csvLine(fields: readonly (string | number | null)[]): string {
  return `${fields.map(csvField).join(',')}\r\n`;
}

export function csvField(value: string | number | null): string {
  if (value === null) return '';
  // A spreadsheet would run a text that begins like a formula.
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : `${value}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
