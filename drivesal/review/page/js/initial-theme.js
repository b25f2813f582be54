// Runs before the first paint, so that the page never flashes in the wrong theme.
(() => {
  let theme = null;
  try { theme = JSON.parse(localStorage.getItem("drivesal.theme")); } catch { /* storage may be disabled */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
