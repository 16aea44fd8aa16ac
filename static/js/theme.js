// Sets a person's own theme before the first paint; loaded as a blocking script for that reason.
(function () {
  const root = document.documentElement;
  root.dataset.scripted = "";
  try {
    const choice = localStorage.getItem("parweb-theme");
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
  } catch { /* storage is forbidden: the system's theme holds */ }
})();
