import type { ThemeName } from '../theme.js';

/** The system's theme until the reader chooses the other one. */
export function startTheme(use: (theme: ThemeName) => void): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const button = document.querySelector<HTMLButtonElement>('button[data-theme-toggle]');
  let chosen: ThemeName | null = null;
  const current = (): ThemeName => chosen ?? (system.matches ? 'dark' : 'light');
  const apply = (): void => {
    const theme = current();
    if (chosen !== null) document.documentElement.dataset.theme = chosen;
    if (button !== null) button.textContent = theme === 'dark' ? 'Light theme' : 'Dark theme';
    use(theme);
  };
  system.addEventListener('change', apply);
  button?.addEventListener('click', () => {
    chosen = current() === 'dark' ? 'light' : 'dark';
    apply();
  });
  apply();
}
