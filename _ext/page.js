// A page opened from a file cannot fetch its neighbours: search lists titles without excerpts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
// The Jupyter widgets ask for formulas in the manner of MathJax 2; MathJax 3 answers here.
if (typeof MathJax !== "undefined") {
  const hub = {
    Queue: ([action, , element]) => {
      if (action !== "Typeset" || !element) return;
      element.classList.add("mathjax_process");
      if (MathJax.typesetPromise) MathJax.typesetPromise([element]);
    },
  };
  MathJax.Hub = hub;
  MathJax.startup = {
    ready: () => {
      MathJax.startup.defaultReady();
      MathJax.Hub = hub;
    },
  };
}
