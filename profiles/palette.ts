/** How text is set off, where it can be. */
export interface Palette {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}
