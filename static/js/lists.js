// A filter shows its result as soon as it is chosen; without scripts there is a button.
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-submits]")) event.target.form.requestSubmit();
});
