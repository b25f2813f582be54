// Runs before anything is drawn, so that the page never flashes in the theme that was not chosen.
(() => {
  let theme = null;
  try { theme = JSON.parse(localStorage.getItem("drivesal.theme")); } catch { /* storage may be forbidden */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
